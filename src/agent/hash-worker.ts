import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { writeDigest } from './block-digest.ts'
import { digestBytes } from './entry.ts'
import type { HashJob, HashShared } from './parallel-hash.ts'

/** A thread that reads and hashes a part of a file; see parallel-hash.ts. */

const { digests, states, cancelled } = workerData as HashShared
const output = Buffer.from(digests)
const state = new Int32Array(states)
const cancel = new Int32Array(cancelled)
let chunk = Buffer.allocUnsafeSlow(1 << 20)

parentPort?.on('message', (job: HashJob) => {
  let outcome = 1
  try {
    hashPart(job)
  } catch (error) {
    outcome = (error as { errno?: number }).errno ?? -5
  }
  Atomics.store(state, job.state, outcome)
  Atomics.notify(state, job.state)
})

function hashPart(job: HashJob): void {
  const block = 2 ** job.shift
  if (chunk.length < block) chunk = Buffer.allocUnsafeSlow(block)
  for (let done = 0; done < job.length && Atomics.load(cancel, 0) === 0; ) {
    const length = Math.min(chunk.length, job.length - done)
    fill(job.descriptor, length, job.position + done)
    for (let at = 0; at < length; at += block) {
      const target = job.output + ((done + at) / block) * digestBytes
      writeDigest(output, target, chunk.subarray(at, Math.min(at + block, length)))
    }
    done += length
  }
}

/** What a file that has become shorter lacks reads as zeros. */
function fill(descriptor: number, length: number, position: number): void {
  for (let at = 0; at < length; ) {
    const read = readSync(descriptor, chunk, at, length - at, position + at)
    if (read === 0) {
      chunk.fill(0, at, length)
      return
    }
    at += read
  }
}
