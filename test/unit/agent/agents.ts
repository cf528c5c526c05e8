import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { AgentClient } from '../../../src/agent/client.ts'
import { type Link, openLink } from '../../../src/agent/link.ts'
import { type RoundOptions, type RoundResult, runRound } from '../../../src/agent/round.ts'

const main = join(import.meta.dirname, '../../../src/agent/main.ts')
const snapshotProgram = join(import.meta.dirname, 'snapshot.py')

/** A real agent process with its catalogs in `directory`. */
export function startAgent(name: string, directory: string, tamper?: (chunk: Buffer) => void) {
  mkdirSync(directory, { recursive: true })
  const child = spawn(process.execPath, [main], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, WHERRY_AGENT_DIR: directory },
  })
  const client = new AgentClient(child.stdin, tampered(child.stdout, tamper), name)
  child.stderr.on('data', (text: Buffer) => client.heard(text.toString()))
  return { child, client }
}

function tampered(stdout: Readable, tamper: ((chunk: Buffer) => void) | undefined): Readable {
  if (!tamper) return stdout
  const transform = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      tamper(chunk)
      done(null, chunk)
    },
  })
  return stdout.pipe(transform)
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

/** Two agents, a link between them, and a directory with `from` and `to` in it. */
export async function startPair(
  path: 'direct' | 'relay' = 'direct',
  base = tmpdir(),
  tamper?: (chunk: Buffer) => void,
) {
  const disk = base
    ? { path: mkdtempSync(join(base, 'wherry-agent-test-')), remove: undefined }
    : diskDirectory()
  const directory = disk.path
  const [from, to] = [join(directory, 'from'), join(directory, 'to')]
  mkdirSync(from)
  mkdirSync(to)
  const source = startAgent('source', join(directory, 'source'), tamper)
  const target = startAgent('target', join(directory, 'target'))
  const link: Link = await openLink({
    source: source.client,
    target: target.client,
    path,
    targetAddresses: ['127.0.0.1'],
    sourceAddresses: [],
    report: () => undefined,
  })
  const round = (options: Partial<RoundOptions> = {}): Promise<RoundResult> =>
    runRound({
      source: source.client,
      target: target.client,
      link,
      trees: [{ id: 'volume', path: from, targetPath: to }],
      final: false,
      ...options,
    })
  const stop = () => {
    source.client.close()
    target.client.close()
    source.child.kill()
    target.child.kill()
    if (disk.remove) disk.remove()
    else rmSync(directory, { recursive: true, force: true })
  }
  return { directory, from, to, source, target, link, round, stop }
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
