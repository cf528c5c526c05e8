import { run } from '../src/platform/process.ts'
import { contentOf, type DataSet, generate, nameOf, startSource } from './data-sets.ts'
import { forgetDeleted } from './deleted-files.ts'
import { docker, remove } from './engines.ts'
import { type Figures, type Job, type Method, timed } from './methods/method.ts'

/** What a method took, and how it was found to be complete. */
export interface Measurement extends Figures {
  set: string
  method: string
  /** How long it then took until everything was on disk; wherry waits for that itself. */
  syncSeconds: number
  /** What was found on both sides, by content. */
  files: number
  bytes: number
}

/** Measures one method on one data set, and compares the copy with the source, which rests by then. */
async function measure(job: Job, method: Method): Promise<Measurement> {
  const { set } = job
  try {
    await removeTarget(set)
    await (method.movesContainer ? startSource(set) : remove('alpha', [nameOf(set)], []))
    await run('sync', [])
    await forgetDeleted(set)
    const figures = await method.run(job)
    const sync = await timed(() => run('sync', []))
    if (method.movesContainer) await expectMoved(set)
    return {
      set: set.name,
      method: method.name,
      ...figures,
      syncSeconds: sync.seconds,
      ...(await verify(set)),
    }
  } finally {
    await removeTarget(set).catch(() => {})
  }
}

/**
 * Measures as `measure` does. When it fails, tries once more with data generated anew: another user of the lab may have
 * cleared it.
 */
export async function measureTwice(
  job: Job,
  method: Method,
  failed: (message: string) => 'retry' | 'give up',
): Promise<Measurement | { error: string }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await measure(job, method)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (failed(message) === 'give up' || attempt === 2) return { error: message }
      await generate(job.set)
    }
  }
}

const removeTarget = (set: DataSet) => remove('beta', [nameOf(set)], [nameOf(set)])

/** The copy runs, and the source does not. */
async function expectMoved(set: DataSet): Promise<void> {
  const running = (engine: 'alpha' | 'beta') =>
    docker(engine, 'inspect', '--format', '{{.State.Running}}', nameOf(set))
  const [source, target] = await Promise.all([running('alpha'), running('beta')])
  if (source !== 'false') throw new Error('the source still runs')
  if (target !== 'true') throw new Error('the copy does not run')
}

async function verify(set: DataSet): Promise<{ files: number; bytes: number }> {
  const [source, target] = await Promise.all([contentOf('alpha', set), contentOf('beta', set)])
  const [files = 0, bytes = 0] = target.split(' ').map(Number)
  if (source !== target) throw new Error(`the copy differs: ${source} became ${target}`)
  if (files < set.files) throw new Error(`the source lost files meanwhile: ${files} of ${set.files}`)
  return { files, bytes }
}

/** The median of several measurements, each figure by itself; the rounds are those of the first. */
export function medianOf(measurements: readonly Measurement[]): Measurement | undefined {
  const [first] = measurements
  if (!first) return undefined
  const middle = (pick: (one: Measurement) => number | undefined) =>
    median(measurements.flatMap((one) => pick(one) ?? []))
  const part = (name: keyof NonNullable<Figures['memory']>) => middle(({ memory }) => memory?.[name]) ?? 0
  const downtimeSeconds = middle((one) => one.downtimeSeconds)
  return {
    ...first,
    totalSeconds: middle((one) => one.totalSeconds) ?? 0,
    copySeconds: middle((one) => one.copySeconds) ?? 0,
    syncSeconds: middle((one) => one.syncSeconds) ?? 0,
    bytesMoved: middle((one) => one.bytesMoved) ?? 0,
    ...(downtimeSeconds === undefined ? {} : { downtimeSeconds }),
    ...(first.memory
      ? { memory: { cli: part('cli'), sourceAgent: part('sourceAgent'), targetAgent: part('targetAgent') } }
      : {}),
  }
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}
