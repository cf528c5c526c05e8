import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const everyMs = 50
/** Below this nothing needs to be done. */
const calmBytes = 110 * 1024 * 1024
/** Above this a full collection is worth its ten milliseconds, once in a while: some buffers have grown old by then. */
const strainedBytes = 140 * 1024 * 1024
const fullEveryMs = 500

/**
 * Keeps the memory of this process low while data streams through it. Every chunk from a socket is a buffer outside the
 * heap, and V8 lets them pile up (by some 100 MB at 100 MB/s) before it looks; a minor collection takes about a
 * millisecond. The size of the young generation, which would do the same, cannot be set once a process runs.
 */
export function collectOften(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void
  let lastFullMs = 0
  setInterval(() => {
    const bytes = process.memoryUsage.rss()
    if (bytes < calmBytes) return
    const isFull = bytes > strainedBytes && performance.now() - lastFullMs > fullEveryMs
    if (isFull) lastFullMs = performance.now()
    collect({ type: isFull ? 'major' : 'minor' })
  }, everyMs).unref()
}
