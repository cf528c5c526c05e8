import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import { inEngine, type Lab } from './engines.ts'
import { type Ended, program } from './wherry.ts'

/** A wherry command that runs, and how it ended: without an exit code where it was killed. */
export interface StartedCommand {
  ended: Promise<Pick<Ended, 'exitCode' | 'json' | 'stderr'>>
  /** Resolves when it has come to a phase; false when it ended before. */
  phase(name: string): Promise<boolean>
  kill(signal: NodeJS.Signals): void
}

const patienceMs = 120_000

/** Starts a wherry command that tells its phases. */
export function started(words: readonly string[], env: Record<string, string> = {}): StartedCommand {
  const child = spawn(process.execPath, [program, ...words, '--json', '--progress', 'json'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  const phases = new Set<string>()
  const lines: string[] = []
  createInterface(child.stderr as Readable).on('line', (line) => {
    lines.push(line)
    const phase = /"phase":"([^"]+)"/.exec(line)?.[1]
    if (phase !== undefined) phases.add(phase)
    child.emit('phase')
  })
  const closed = once(child, 'close')
  const ended = (async () => {
    const stdout = await text(child.stdout as Readable)
    const [exitCode] = await closed
    clearTimeout(timer)
    child.emit('phase')
    const json = stdout === '' ? undefined : JSON.parse(stdout)
    return { exitCode: exitCode ?? undefined, json, stderr: lines.join('\n') }
  })()
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    phase: async (name) => {
      while (!phases.has(name) && isThere(child)) await once(child, 'phase')
      return phases.has(name)
    },
  }
}

function isThere({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null
}

/** Waits for a phase; throws with everything that was said when the command ends before. */
export async function untilPhase(run: StartedCommand, name: string): Promise<void> {
  if (!(await run.phase(name))) throw new Error(`not come to ${name}: ${JSON.stringify(await run.ended)}`)
}

/** The container of `runCounter` on alpha still counts, and nothing is lost. Looked at from outside: in one that is frozen nothing runs. */
export async function goesOn(t: Test, { alphaFacts }: Lab, name: string): Promise<void> {
  const path = `/var/lib/docker/volumes/${name}/_data/log`
  const lines = async () => (await inEngine(alphaFacts, 'cat', path)).split('\n')
  const first = await lines()
  let then = first
  for (let waited = 0; waited < 20 && then.length === first.length; waited++) {
    await sleep(250)
    then = await lines()
  }
  t.ok(then.length > first.length, `${name} goes on`)
  t.ok(
    then.every((line, index) => line === String(index + 1)),
    'and nothing of what it wrote is lost',
  )
}

/**
 * Names of wherry's own containers on an engine: one that ends just now is waited for. One that was created and never started was
 * left by a command that was killed in between; the next agents take it away when it is ten minutes old.
 */
export async function helpersLeft(engine: Engine): Promise<string[]> {
  for (let attempt = 0; ; attempt++) {
    const all = (await engine.containers.list()).filter(({ State }) => State !== 'created')
    const names = all.map(({ Names }) => Names[0] ?? '')
    const left = names.filter((name) => name.startsWith('/wherry-'))
    if (left.length === 0 || attempt === 20) return left
    await sleep(250)
  }
}
