import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import type { t as tap } from 'tap'
import { AgentClient } from '../../../src/agent/client.ts'
import { type Link, openLink } from '../../../src/agent/link.ts'
import { type RoundOptions, type RoundResult, runRound } from '../../../src/agent/round.ts'

const main = join(import.meta.dirname, '../../../src/agent/main.ts')
const snapshotProgram = join(import.meta.dirname, 'snapshot.py')

/** What is done to the bytes on their way from the source's stdout; tests replace it. */
export interface Wire {
  tamper: ((chunk: Buffer) => void) | undefined
}

/** A real agent process with its catalogs in `directory`. */
export function startAgent(name: string, directory: string, wire: Wire = { tamper: undefined }) {
  mkdirSync(directory, { recursive: true })
  const child = spawn(process.execPath, [main], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // The compile cache keeps what type stripping comes to, which is most of an agent's start.
    env: {
      ...process.env,
      WHERRY_AGENT_DIR: directory,
      NODE_COMPILE_CACHE: join(tmpdir(), 'wherry-test-cache'),
    },
  })
  const stdout = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      wire.tamper?.(chunk)
      done(null, chunk)
    },
  })
  const client = new AgentClient(child.stdin, child.stdout.pipe(stdout), name)
  child.stderr.on('data', (text: Buffer) => client.heard(text.toString()))
  return { child, client }
}

/**
 * A directory on an ext4 file system of its own, so that flushing it does not wait for whatever else this machine's disk
 * has to do; an ordinary temporary directory where mounting is not allowed.
 */
function diskDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'wherry-agent-test-'))
  const image = join(mkdtempSync(join('/dev/shm', 'wherry-agent-test-')), 'disk')
  const remove = () => {
    rmSync(path, { recursive: true, force: true })
    rmSync(dirname(image), { recursive: true, force: true })
  }
  try {
    execFileSync('truncate', ['-s', '600M', image])
    execFileSync('mkfs.ext4', ['-q', '-O', '^has_journal', image])
    execFileSync('mount', ['-o', 'loop', image, path], { stdio: 'ignore' })
  } catch {
    return { path, remove }
  }
  return {
    path,
    remove: () => {
      execFileSync('umount', ['-l', path])
      remove()
    },
  }
}

export type Agent = ReturnType<typeof startAgent>

/** Two agents and a file system of their own, shared by the tests of one file; `fresh` gives each test trees of its own. */
export class Pair {
  readonly directory: string
  readonly wire: Wire = { tamper: undefined }
  source: Agent
  target: Agent
  #link: Link | undefined
  #count = 0
  readonly #remove: () => void

  constructor() {
    const disk = diskDirectory()
    this.directory = disk.path
    this.#remove = disk.remove
    this.source = startAgent('source', join(disk.path, 'source'), this.wire)
    this.target = startAgent('target', join(disk.path, 'target'))
  }

  /** Empty `from` and `to` directories that no agent knows, joined by a link of the kind that is asked for. */
  async fresh(path: 'direct' | 'relay' = 'direct', tamper?: (chunk: Buffer) => void) {
    if (this.target.client.isGone) {
      this.target = startAgent('target', join(this.directory, 'target'))
      this.#link = undefined
    }
    if (this.#link?.kind !== path) this.#link = await linkAgents(this.source, this.target, path)
    this.wire.tamper = tamper
    const id = `volume-${++this.#count}`
    const directory = join(this.directory, id)
    const [from, to] = [join(directory, 'from'), join(directory, 'to')]
    for (const one of [directory, from, to]) mkdirSync(one)
    const { source, target, link } = { source: this.source, target: this.target, link: this.#link }
    const round = (options: Partial<RoundOptions> = {}): Promise<RoundResult> =>
      runRound({
        source: source.client,
        target: target.client,
        link,
        trees: [{ id, path: from, targetPath: to }],
        final: false,
        ...options,
      })
    return { id, directory, from, to, source, target, link, round }
  }

  readonly stop = () => {
    for (const { client, child } of [this.source, this.target]) {
      client.close()
      child.kill()
    }
    this.#remove()
  }
}

/** Links two agents on this machine. */
export function linkAgents(source: Agent, target: Agent, path: 'direct' | 'relay'): Promise<Link> {
  return openLink({
    source: source.client,
    target: target.client,
    path,
    targetAddresses: ['127.0.0.1'],
    sourceAddresses: ['127.0.0.1'],
    report: () => undefined,
  })
}

/** What a tree holds, by a program that shares no code with the agent. */
export function snapshot(path: string, ...flags: string[]): string[] {
  const output = execFileSync('python3', [snapshotProgram, path, ...flags], { maxBuffer: 1 << 28 })
  return output.toString().trim().split('\n')
}

/** Runs a Python program in a directory, for what Node cannot do to files. */
export function python(directory: string, program: string): void {
  execFileSync('python3', ['-c', program], { cwd: directory, stdio: ['ignore', 'inherit', 'inherit'] })
}

/** Asserts that two trees are the same. Only lines that differ are shown: formatting whole trees takes seconds. */
export function sameTrees(
  t: Pick<typeof tap, 'match'>,
  to: string,
  from: string,
  ...flags: string[]
): boolean {
  const output = execFileSync('python3', [snapshotProgram, to, from, ...flags], { maxBuffer: 1 << 28 })
  return t.match(output.toString().slice(0, 10_000), /^[1-9]\d* compared\n$/)
}
