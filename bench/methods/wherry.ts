import { fileURLToPath } from 'node:url'
import type { MigrateResult } from '../../src/migrate/result.ts'
import { run } from '../../src/platform/process.ts'
import { nameOf } from '../data-sets.ts'
import { type Figures, type Job, type Method, timed } from './method.ts'

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url))

/** The built wherry, as a user's script runs it. */
const wherry = (path: 'direct' | 'relay'): Method => ({
  name: `wherry-${path}`,
  description: `wherry migrate --path ${path}`,
  movesContainer: true,
  needsDataRoots: false,
  run: (job) => migrate(job, path),
})

export const wherryDirect = wherry('direct')
export const wherryRelay = wherry('relay')

async function migrate({ set, scratch }: Job, path: 'direct' | 'relay'): Promise<Figures> {
  const words = ['migrate', nameOf(set), '--from', 'wherry-alpha', '--to', 'wherry-beta', '--path', path]
  // A state directory of its own: journals of a benchmark are no migrations that a user would want listed.
  const env = { WHERRY_STATE_DIR: scratch }
  const { value, seconds } = await timed(() =>
    run(process.execPath, [program, ...words, '--json', '--progress', 'none'], { env }),
  )
  // With --json a failure is told on stdout.
  if (value.failure) throw new Error(`wherry failed: ${value.stdout}${value.stderr}`)
  const result = JSON.parse(value.stdout) as MigrateResult
  if (result.path !== path) throw new Error(`wherry took the path ${result.path}`)
  return {
    totalSeconds: seconds,
    downtimeSeconds: result.downtimeSeconds,
    copySeconds: result.rounds[0]?.seconds ?? Number.NaN,
    bytesMoved: result.bytesTransferred,
    memory: result.peakMemoryBytes,
    rounds: result.rounds,
  }
}
