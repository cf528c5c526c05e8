import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { image } from './configurations.ts'
import { docker } from './engines.ts'
import { type Ended, succeed } from './wherry.ts'

/** A directory for a repository that is gone when the test has ended. */
export async function newRepository(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-snapshots-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return join(directory, 'repo')
}

/** The words that take containers of alpha into a repository. */
export function createWords(repo: string, names: readonly string[], ...flags: string[]): string[] {
  return ['snapshot', 'create', ...names, '--from', 'wherry-alpha', '--repo', repo, ...flags]
}

/** The words that make a snapshot's containers on beta. */
export function restoreWords(repo: string, snapshot: string, ...flags: string[]): string[] {
  return ['restore', snapshot, '--to', 'wherry-beta', '--repo', repo, ...flags]
}

/** Takes containers of alpha into a repository; throws with everything that was said when it fails. */
export function create(repo: string, names: readonly string[], ...flags: string[]): Promise<Ended['json']> {
  return succeed(...createWords(repo, names, ...flags))
}

/** Makes a snapshot's containers on beta; throws with everything that was said when it fails. */
export function restore(repo: string, snapshot: string, ...flags: string[]): Promise<Ended['json']> {
  return succeed(...restoreWords(repo, snapshot, ...flags))
}

/** The file `generation` of the volume that a container of this name had, as a snapshot restores it. Nothing of it stays on beta. */
export async function restoredGeneration(repo: string, id: string, container: string): Promise<string> {
  const volume = `t-again-${container}`
  await restore(repo, id, '--name', 't-again', '--identity', 'new', '--no-start')
  const generation = await docker(
    'beta',
    'run',
    '--rm',
    '-v',
    `${volume}:/v:ro`,
    image,
    'cat',
    '/v/generation',
  )
  await docker('beta', 'rm', '-f', '-v', 't-again')
  await docker('beta', 'volume', 'rm', volume)
  return generation
}

/** How often a test does something that a longer run does more often: `name` is an environment variable. */
export function times(name: string, usually: number): number {
  return Number(process.env[name] ?? usually)
}
