import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { getSystemErrorName } from 'node:util'
import { Worker } from 'node:worker_threads'
import { blockCount, digestBytes } from './entry.ts'
import { SystemCallError } from './system.ts'

/**
 * Digests of a large file's blocks, computed by several threads: in a later round almost all time goes into reading and
 * hashing what has not changed, and in the final round that is downtime. Content stays in the threads; digests come back
 * through shared memory, window by window, with one window being hashed while the one before is compared.
 */

/** Memory that the threads share with this one. */
export interface HashShared {
  digests: SharedArrayBuffer
  states: SharedArrayBuffer
  cancelled: SharedArrayBuffer
}

/** One thread's part of a window, in bytes. */
export interface HashJob {
  descriptor: number
  shift: number
  position: number
  length: number
  /** Where its digests go. */
  output: number
  /** Where it says that it is done: 1, or a negative error number. */
  state: number
}

const windowBytes = 64 * 2 ** 20
const windows = 2
const slotBytes = (windowBytes >> 13) * digestBytes
const maxThreads = 4
/** So long the event loop may be held up by one wait. */
const waitMilliseconds = 20
const idleMilliseconds = 30_000

export class ParallelHasher {
  readonly #shared: HashShared
  readonly #digests: Buffer
  readonly #states: Int32Array
  readonly #workers: Worker[] = []
  #failure: Error | undefined
  #descriptor = -1
  #size = 0
  #shift = 0
  /** Blocks handed to threads, and taken. */
  #begun = 0
  #taken = 0

  constructor(threads = Math.min(availableParallelism(), maxThreads)) {
    this.#shared = {
      digests: new SharedArrayBuffer(slotBytes * windows),
      states: new SharedArrayBuffer(4 * windows * threads),
      cancelled: new SharedArrayBuffer(4),
    }
    this.#digests = Buffer.from(this.#shared.digests)
    this.#states = new Int32Array(this.#shared.states).fill(1)
    const program = new URL(`./hash-worker${extname(import.meta.filename)}`, import.meta.url)
    for (let index = 0; index < threads; index++) {
      const worker = new Worker(program, { workerData: this.#shared })
      worker.unref()
      worker.on('error', (error) => {
        this.#failure = error
      })
      this.#workers.push(worker)
    }
  }

  /** Whether a thread has broken off, so that these can be used no more. */
  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  /** Begins a file. The descriptor must stay open until `end`. */
  begin(descriptor: number, size: number, shift: number): void {
    this.#descriptor = descriptor
    this.#size = size
    this.#shift = shift
    this.#begun = 0
    this.#taken = 0
    this.#states.fill(1)
    Atomics.store(new Int32Array(this.#shared.cancelled), 0, 0)
    for (let window = 0; window < windows; window++) this.#beginWindow()
  }

  /**
   * Copies the next `count` digests, which must not straddle windows. False when they are not ready yet: call again
   * after the event loop had its turn. Throws when the file could not be read.
   */
  take(target: Buffer, count: number): boolean {
    const perWindow = windowBytes / 2 ** this.#shift
    const slot = Math.floor(this.#taken / perWindow) % windows
    if (!this.#isReady(slot)) return false
    const start = slot * slotBytes + (this.#taken % perWindow) * digestBytes
    this.#digests.copy(target, 0, start, start + count * digestBytes)
    this.#taken += count
    if (this.#taken % perWindow === 0) this.#beginWindow()
    return true
  }

  /** Ends the file, which may be before its end. Returns when no thread uses its descriptor any more. */
  end(): void {
    Atomics.store(new Int32Array(this.#shared.cancelled), 0, 1)
    this.#states.forEach((_, index) => {
      const outcome = Atomics.wait(this.#states, index, 0, idleMilliseconds)
      if (outcome === 'timed-out') this.#failure ??= new Error('a thread that reads a file does not end')
    })
  }

  close(): void {
    for (const worker of this.#workers) void worker.terminate()
  }

  #beginWindow(): void {
    const perWindow = windowBytes / 2 ** this.#shift
    const slot = (this.#begun / perWindow) % windows
    const count = Math.min(perWindow, blockCount(this.#size, this.#shift) - this.#begun)
    if (count <= 0) return
    const share = Math.ceil(count / this.#workers.length)
    this.#workers.forEach((worker, index) => {
      const first = share * index
      const position = (this.#begun + first) * 2 ** this.#shift
      const blocks = Math.min(share, count - first)
      if (blocks <= 0) return
      const state = slot * this.#workers.length + index
      Atomics.store(this.#states, state, 0)
      const job: HashJob = {
        descriptor: this.#descriptor,
        shift: this.#shift,
        position,
        length: Math.min(blocks * 2 ** this.#shift, this.#size - position),
        output: slot * slotBytes + first * digestBytes,
        state,
      }
      worker.postMessage(job)
    })
    this.#begun += perWindow
  }

  #isReady(slot: number): boolean {
    if (this.#failure) throw this.#failure
    for (let index = 0; index < this.#workers.length; index++) {
      const at = slot * this.#workers.length + index
      Atomics.wait(this.#states, at, 0, waitMilliseconds)
      const state = Atomics.load(this.#states, at)
      if (state === 0) return false
      if (state < 0) throw new SystemCallError('pread', getSystemErrorName(state))
    }
    return true
  }
}

let shared: ParallelHasher | undefined

/** The threads of this process, started when the first large file needs them. */
export function sharedHasher(): ParallelHasher {
  if (!shared || shared.hasFailed) shared = new ParallelHasher()
  return shared
}
