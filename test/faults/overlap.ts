/** What an engine said of one copy of the container, when. Times are milliseconds of the one clock that both engines have. */
export interface Sample {
  engine: string
  /** When it was asked, and when it had answered. */
  askedAt: number
  answeredAt: number
  id: string
  isRunning: boolean
  isPaused: boolean
  /** Undefined for a copy that was never started, or never ended. */
  startedAt?: number
  finishedAt?: number
}

/** A time throughout which a copy ran for certain. */
export interface RunTime {
  engine: string
  id: string
  startedAt: number
  from: number
  until: number
  /** Paused since `until`; a later end says nothing of the time in between. */
  wasPaused: boolean
}

/** Gathers samples into the times at which copies ran. */
export class RunTimes {
  readonly all: RunTime[] = []

  add(sample: Sample): void {
    const { engine, id, startedAt, finishedAt, askedAt, answeredAt } = sample
    if (startedAt === undefined) return
    this.#endEarlier(sample)
    const known = this.all.findLast((one) => one.id === id && one.startedAt === startedAt)
    if (sample.isRunning && sample.isPaused) {
      if (known) known.wasPaused = true
    } else if (sample.isRunning) {
      if (known && !known.wasPaused) known.until = Math.max(known.until, askedAt)
      else {
        const from = known ? answeredAt : startedAt
        this.all.push({ engine, id, startedAt, from, until: Math.max(from, askedAt), wasPaused: false })
      }
    } else if (finishedAt !== undefined && finishedAt > startedAt) {
      if (!known) {
        this.all.push({ engine, id, startedAt, from: startedAt, until: finishedAt, wasPaused: false })
      } else if (!known.wasPaused) known.until = finishedAt
    }
  }

  /** A copy that was started again tells when it had ended before. */
  #endEarlier({ id, startedAt, finishedAt }: Sample): void {
    const earlier = this.all.findLast((one) => one.id === id)
    if (!earlier || earlier.startedAt === startedAt || earlier.wasPaused) return
    if (finishedAt !== undefined && finishedAt > earlier.until) earlier.until = finishedAt
  }
}

/** Every time that a copy on one engine ran while a copy on another one ran, in words. */
export function overlaps(runs: readonly RunTime[]): string[] {
  return runs.flatMap((one, index) =>
    runs.slice(index + 1).flatMap((other) => {
      const from = Math.max(one.from, other.from)
      const until = Math.min(one.until, other.until)
      if (one.engine === other.engine || from >= until) return []
      return [
        `two copies ran for ${until - from} ms: on ${one.engine} and on ${other.engine}, from ${new Date(from).toISOString()}`,
      ]
    }),
  )
}
