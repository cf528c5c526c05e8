import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** At longer intervals V8 begins full collections by itself: 39 of them, and a fifth of the time, in a restore of 1 GB. */
const everyMs = 20
/** Before, a command loads: what it makes then it keeps. */
const loadingMs = 700
/** Of a process that waits nothing piles up. */
const busyShare = 0.1
/** Below this nothing needs to be done. */
const calmBytes = 110 * 1024 * 1024
/** Above this a full collection is worth its time, once in a while: some buffers have grown old by then. */
const strainedBytes = 140 * 1024 * 1024
const fullEveryMs = 500
/** One that frees less than this does not pay for itself, a tenth of a second on all processors: what there is is in use. */
const worthwhileBytes = 16 * 1024 * 1024
const uselessEveryMs = 5000

/**
 * Keeps the memory of this process low while data streams through it. Every chunk from a socket is a buffer outside the
 * heap, and V8 lets them pile up (by some 100 MB at 100 MB/s) before it looks; a minor collection takes about a
 * millisecond. The size of the young generation, which would do the same, cannot be set once a process runs.
 */
export function collectOften(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void
  let nextFullMs = 0
  let before = performance.eventLoopUtilization()
  setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    if (utilization < busyShare || performance.now() < loadingMs) return
    const bytes = process.memoryUsage.rss()
    if (bytes < calmBytes) return
    const isFull = bytes > strainedBytes && performance.now() >= nextFullMs
    collect({ type: isFull ? 'major' : 'minor' })
    if (!isFull) return
    const isWorthwhile = bytes - process.memoryUsage.rss() > worthwhileBytes
    nextFullMs = performance.now() + (isWorthwhile ? fullEveryMs : uselessEveryMs)
  }, everyMs).unref()
}
