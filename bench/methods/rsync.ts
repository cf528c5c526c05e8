import { run } from '../../src/platform/process.ts'
import { containerWords, nameOf } from '../data-sets.ts'
import { docker, succeeded, volumeDirectory } from '../engines.ts'
import { type Figures, type Job, type Method, numberAfter, since, timed } from './method.ts'

const flags = [
  '-aHAXS',
  '--numeric-ids',
  '--delete',
  // As between two machines: differences of files that are there, not whole files.
  '--no-whole-file',
  // By default times are compared in whole seconds: a file that changed within one would not be sent again.
  '--modify-window=-1',
  '--stats',
  '--no-human-readable',
]

/** Two passes: one while the container runs, one after its stop. */
export const rsync: Method = {
  name: 'rsync',
  description: 'rsync while it runs, docker stop, rsync again, docker run',
  movesContainer: true,
  needsDataRoots: true,
  run: moveByRsync,
}

async function moveByRsync({ engines: { alpha, beta }, set }: Job): Promise<Figures> {
  const name = nameOf(set)
  const start = performance.now()
  await docker('beta', 'volume', 'create', name)
  const [from, to] = [`${volumeDirectory(alpha, name)}/`, `${volumeDirectory(beta, name)}/`]
  const first = await timed(() => pass(from, to))
  const stop = performance.now()
  await docker('alpha', 'stop', name)
  const second = await timed(() => pass(from, to))
  await docker('beta', 'run', '--detach', ...containerWords(set))
  const bytes = [first, second].map(({ value }) => value)
  return {
    totalSeconds: since(start),
    downtimeSeconds: since(stop),
    copySeconds: first.seconds,
    bytesMoved: bytes.reduce((sum, one) => sum + one, 0),
  }
}

async function pass(from: string, to: string): Promise<number> {
  const result = succeeded('rsync', await run('rsync', [...flags, from, to]))
  return numberAfter('Total bytes sent:', result.stdout)
}

/** Installs rsync where it is missing and this is root on Debian; says why there is none. */
export async function whyNoRsync(): Promise<string | undefined> {
  if (!(await run('rsync', ['--version'])).failure) return undefined
  const install = 'apt-get update -q && apt-get install -y -q --no-install-recommends rsync'
  if (process.getuid?.() === 0) await run('sh', ['-c', install])
  const still = (await run('rsync', ['--version'])).failure
  return still ? 'there is no rsync on this machine, and it could not be installed' : undefined
}
