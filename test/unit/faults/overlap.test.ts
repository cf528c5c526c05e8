import t from 'tap'
import { overlaps, RunTimes, type Sample } from '../../faults/overlap.ts'

/** Samples of one copy on an engine, each `[time, state, startedAt, finishedAt]`. */
function watched(times: RunTimes, engine: string, ...samples: [number, string, number?, number?][]): void {
  for (const [at, state, startedAt, finishedAt] of samples) {
    const sample: Sample = {
      engine,
      id: engine,
      askedAt: at,
      answeredAt: at + 1,
      isRunning: state !== 'ended',
      isPaused: state === 'paused',
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(finishedAt === undefined ? {} : { finishedAt }),
    }
    times.add(sample)
  }
}

t.test('one copy after the other is no overlap', async (t) => {
  const times = new RunTimes()
  watched(times, 'alpha', [10, 'runs', 5], [30, 'runs', 5], [60, 'ended', 5, 40])
  watched(times, 'beta', [35, 'ended'], [60, 'runs', 41], [90, 'ended', 41, 80])
  watched(times, 'alpha', [100, 'runs', 85, 40])
  t.strictSame(overlaps(times.all), [])
})

t.test('two copies at once are seen in the samples', async (t) => {
  const times = new RunTimes()
  watched(times, 'alpha', [10, 'runs', 5], [60, 'runs', 5])
  watched(times, 'beta', [50, 'runs', 45])
  t.match(overlaps(times.all), [/two copies ran for 5 ms: on alpha and on beta/])
})

t.test('an overlap between two samples is seen in the times that engines keep', async (t) => {
  const times = new RunTimes()
  watched(times, 'alpha', [10, 'runs', 5], [60, 'ended', 5, 45])
  watched(times, 'beta', [60, 'runs', 40])
  t.match(overlaps(times.all), [/two copies ran for 5 ms/])
})

t.test('a run that no sample met is seen, and so is one that was started again at once', async (t) => {
  const short = new RunTimes()
  watched(short, 'alpha', [10, 'runs', 5], [100, 'runs', 5])
  watched(short, 'beta', [60, 'ended', 40, 42])
  t.match(overlaps(short.all), [/two copies ran for 2 ms/])
  const again = new RunTimes()
  watched(again, 'alpha', [10, 'runs', 5], [100, 'runs', 90, 80])
  watched(again, 'beta', [60, 'ended', 70, 75])
  t.match(overlaps(again.all), [/two copies ran for 5 ms/])
})

t.test('a paused copy does not run; one that was thawed does', async (t) => {
  const paused = new RunTimes()
  watched(paused, 'alpha', [10, 'runs', 5], [30, 'paused', 5], [100, 'ended', 5, 90])
  watched(paused, 'beta', [60, 'runs', 40])
  t.strictSame(overlaps(paused.all), [])
  const thawed = new RunTimes()
  watched(thawed, 'alpha', [10, 'runs', 5], [30, 'paused', 5], [50, 'runs', 5], [70, 'runs', 5])
  watched(thawed, 'beta', [60, 'runs', 40])
  t.match(overlaps(thawed.all), [/two copies ran for 9 ms/])
})
