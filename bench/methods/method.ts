import type { DataSet } from '../data-sets.ts'
import type { Engines } from '../engines.ts'

/** What one method took for one data set. A field that makes no sense for it is absent. */
export interface Figures {
  totalSeconds: number
  /** From the order to stop the source until the copy runs. */
  downtimeSeconds?: number
  /** The copying of all data once: what is compared with the bare tar. */
  copySeconds: number
  bytesMoved: number
  /** The most memory that wherry's command line and its agents used. */
  memory?: { cli: number; sourceAgent: number; targetAgent: number }
  rounds?: { files: number; bytes: number; seconds: number }[]
}

/** What a method works with. */
export interface Job {
  engines: Engines
  set: DataSet
  /** A directory for files of the run, removed afterwards. */
  scratch: string
}

/** A way to move a container's data, or only its data, from alpha to beta. */
export interface Method {
  name: string
  description: string
  /** It moves a running container; others copy a volume that nobody uses. */
  movesContainer: boolean
  /** It works on the engines' data roots as directories of this machine. */
  needsDataRoots: boolean
  run(job: Job): Promise<Figures>
}

/** Seconds since a `performance.now()`. */
export const since = (start: number) => (performance.now() - start) / 1000

/** How long something took. */
export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const start = performance.now()
  const value = await work()
  return { value, seconds: since(start) }
}

/** The number behind a label in a program's output, which may have thousands separators. */
export function numberAfter(label: string, text: string): number {
  const digits = text.split(label)[1]?.match(/[\d,]+/)?.[0]
  if (!digits) throw new Error(`no ${label} in: ${text.slice(-500)}`)
  return Number(digits.replaceAll(',', ''))
}
