import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProgressEvent } from '../src/model/progress.ts'
import { dataSets, generate } from './data-sets.ts'
import { clearEngines, type Engines, openEngines, whyNoDataRoots } from './engines.ts'
import { forwardTable, measureForward, type Traffic } from './forward.ts'
import { type Measurement, measureTwice, medianOf } from './measure.ts'
import { methods as allMethods } from './methods/all.ts'
import type { Job, Method } from './methods/method.ts'
import { whyNoRsync } from './methods/rsync.ts'
import { type Options, parseOptions, usage } from './options.ts'
import { circumstances, type Row, ratioToTar, table, writeResults } from './report.ts'
import { measureSnapshots, snapshotTable } from './snapshots.ts'
import { type Crossing, measureStretch, stretchTable } from './stretch.ts'

const say = (line: string) => void process.stderr.write(`${line}\n`)

/** Set by Ctrl-C, which ends the child processes too: what runs then fails, and nothing new is begun. */
let interrupted = false

async function benchmark(options: Options, scratch: string): Promise<boolean> {
  const engines = await openEngines((event: ProgressEvent) => {
    if (event.type === 'phase') say(event.message)
  })
  await clearEngines()
  const facts = await circumstances()
  const methods = await usable(
    engines,
    allMethods.filter(({ name }) => options.only.includes(name)),
  )
  const rows: Row[] = []
  const raw: Row[] = []
  for (const set of dataSets(options.scale).filter(({ name }) => options.sets.includes(name))) {
    if (interrupted || methods.length === 0) break
    say(`${set.name}: making ${set.description}`)
    await generate(set)
    const ofSet = await measureSet({ engines, set, scratch }, methods, options.repeat)
    raw.push(...ofSet)
    rows.push(...methods.flatMap(({ name }) => rowOf(name, ofSet)))
    await clearEngines()
  }
  const forward =
    options.only.includes('forward') && !interrupted ? await traffic(engines, options.scale) : []
  const stretch =
    options.only.includes('stretch') && !interrupted ? await crossings(engines, options.scale) : []
  const sets = dataSets(options.scale).filter(({ name }) => options.sets.includes(name))
  const snapshots =
    options.only.includes('snapshots') && !interrupted
      ? await measureSnapshots(engines, sets, scratch, say)
      : []
  if (interrupted) return false
  const path = await writeResults({
    circumstances: facts,
    options: { ...options },
    sets: dataSets(options.scale).map(({ name, description }) => ({ name, description })),
    results: rows.map((row) => ('error' in row ? row : { ...row, ratioToTar: ratioToTar(row, rows) })),
    measurements: raw,
    forward,
    stretch,
    snapshots,
  })
  if (rows.length > 0) process.stdout.write(`${table(rows)}\n`)
  if (forward.length > 0) process.stdout.write(`\n${forwardTable(forward)}\n`)
  if (stretch.length > 0) process.stdout.write(`\n${stretchTable(stretch)}\n`)
  if (snapshots.length > 0) process.stdout.write(`\n${snapshotTable(snapshots)}\n`)
  say(`\nwritten to ${path}`)
  return !raw.some((row) => 'error' in row)
}

async function traffic(engines: Engines, scale: number): Promise<Traffic[]> {
  say('forward: traffic to a container that was moved')
  const measured = await measureForward(engines, scale)
  await clearEngines()
  return measured
}

async function crossings(engines: Engines, scale: number): Promise<Crossing[]> {
  say('stretch: traffic between containers on a stretched network')
  return measureStretch(engines, scale)
}

/** Measures all methods on one data set, so many times. */
async function measureSet(job: Job, methods: readonly Method[], repeat: number): Promise<Row[]> {
  const { set } = job
  const ofSet: Row[] = []
  for (let round = 1; round <= repeat; round++) {
    for (const method of methods) {
      if (interrupted) break
      say(`${set.name}: ${method.name}${repeat > 1 ? ` (${round} of ${repeat})` : ''}`)
      const measured = await measureTwice(job, method, (message) => {
        if (interrupted) return 'give up'
        say(`FAILED: ${set.name} ${method.name}: ${message}`)
        return 'retry'
      })
      if ('totalSeconds' in measured)
        say(
          `  ${measured.totalSeconds.toFixed(2)} s in all, ${measured.copySeconds.toFixed(2)} s for one copy`,
        )
      ofSet.push({ set: set.name, method: method.name, ...measured })
    }
  }
  return ofSet
}

/** The methods that can run here; says which cannot, and why. */
async function usable(engines: Engines, wanted: Method[]): Promise<Method[]> {
  const noRoots = await whyNoDataRoots(engines)
  const noRsync = wanted.some(({ name }) => name === 'rsync') ? await whyNoRsync() : undefined
  return wanted.filter((method) => {
    const why = (method.needsDataRoots && noRoots) || (method.name === 'rsync' && noRsync)
    if (why) say(`SKIPPED: ${method.name}: ${why}`)
    return !why
  })
}

/** One row of the table for a method: the median of what succeeded, or the error. */
function rowOf(method: string, rows: readonly Row[]): Row[] {
  const its = rows.filter((row) => row.method === method)
  const measured = its.filter((row): row is Measurement => !('error' in row))
  return [medianOf(measured) ?? its[0]].filter((row) => row !== undefined)
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  if (!options) {
    process.stdout.write(usage)
    return 0
  }
  const scratch = await mkdtemp(join(tmpdir(), 'wherry-bench-'))
  const running = benchmark(options, scratch)
  const stop = new Promise<boolean>((resolve) => {
    // Not `once`: execa's own listener ends the process where no other is left.
    process.on('SIGINT', () => {
      if (interrupted) return
      interrupted = true
      say('interrupted: clearing up')
      // Long enough for wherry to put the source back; then its containers are removed anyway.
      setTimeout(() => resolve(false), 15_000).unref()
    })
  })
  try {
    const complete = await Promise.race([running, stop])
    return interrupted ? 130 : complete ? 0 : 1
  } finally {
    await rm(scratch, { recursive: true, force: true })
    await clearEngines()
  }
}

try {
  process.exit(await main())
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(interrupted ? 130 : 1)
}
