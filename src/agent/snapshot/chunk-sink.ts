import { batchHeaderBytes, emptyBatch, sealBatch } from '../batch.ts'
import { takeBuffer } from '../buffer-pool.ts'
import type { Channel } from '../channel.ts'
import { frameHeaderBytes } from '../frames.ts'
import { encode } from './compress.ts'
import { DigestSet } from './digest-set.ts'
import { type ChunkRecord, recordHeadBytes, writeRecord } from './records.ts'

const batchBytes = 1 << 20
const batchContentBytes = 4 << 20
const front = frameHeaderBytes + batchHeaderBytes
/** So much content may wait to be compressed and sent while files are read. */
const queuedBytes = 32 << 20
/** While everything stands still, reading must not wait for sending. */
export const frozenQueuedBytes = 256 << 20

/** Where chunks of files go. */
export interface ChunkTaker {
  /** Takes a chunk. Its content may be used for something else afterwards. */
  add(digest: Buffer, content: Buffer): void
  /** Whether whoever reads should wait for room. */
  readonly isFull: boolean
  /** Waits until there is room for more, or for no longer than `isOver` says, which is asked again by `wake`. */
  room(isOver?: () => boolean): Promise<void>
  wake(): void
}

/** For whoever wants to know which chunks a tree has, and not what is in them. */
export const nowhere: ChunkTaker = {
  add: () => undefined,
  isFull: false,
  room: async () => undefined,
  wake: () => undefined,
}

/** Takes chunks, keeps those that the repository lacks, compresses them and sends them in their order. */
export class ChunkSink implements ChunkTaker {
  readonly #channel: Channel
  readonly #known = new DigestSet()
  /** Chunks that are being compressed, and those behind them: neighbours stay neighbours. */
  readonly #waiting: (ChunkRecord | Promise<ChunkRecord>)[] = []
  /** Batches that are to be sent, and the bytes of content in them. */
  readonly #ready: { batch: Buffer; bytes: number }[] = []
  #queued = 0
  #limit = queuedBytes
  #draining: Promise<void> | undefined
  #sending: Promise<void> | undefined
  #failure: unknown
  #onRoom: () => void = () => undefined
  #batch: Buffer | undefined
  #length = 0
  #content = 0
  readonly #number: number
  /** Chunks that were sent, and their bytes as content and as stored. */
  readonly sent = { chunks: 0, bytes: 0, storedBytes: 0 }

  /** `number` marks what is sent: what an earlier run left on its way is told from it. */
  constructor(channel: Channel, number: number) {
    this.#channel = channel
    this.#number = number
  }

  /** Chunks that the repository has already: digests, one after the other. */
  addKnown(digests: Buffer): void {
    for (let at = 0; at < digests.length; at += 32) this.#known.add(digests, at)
  }

  get isFull(): boolean {
    return this.#queued >= this.#limit
  }

  /** How much may wait in memory, in bytes. */
  set limit(bytes: number) {
    this.#limit = bytes
  }

  add(digest: Buffer, content: Buffer): void {
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#known.add(digest)) return
    const { length } = content
    this.#queued += length
    const encoded = encode(content)
    if (encoded instanceof Promise) {
      const record = encoded.then((done) => ({ digest, length, ...done }))
      // A failure is met in its turn.
      record.catch(() => undefined)
      this.#waiting.push(record)
      this.#draining ??= this.#drain()
    } else if (this.#waiting.length > 0) {
      // What is read next goes into the same memory.
      this.#waiting.push({ digest, length, encoding: encoded.encoding, stored: Buffer.from(encoded.stored) })
    } else this.#append({ digest, length, ...encoded })
  }

  async room(isOver: () => boolean = () => false): Promise<void> {
    while (this.isFull && this.#failure === undefined && !isOver()) {
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve
      })
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  wake(): void {
    this.#onRoom()
  }

  /** Waits until everything has been sent. */
  async flush(): Promise<void> {
    await this.#draining
    this.#seal()
    await this.#sending
    if (this.#failure !== undefined) throw this.#failure
  }

  /** An empty batch, so that a long search for changes can be told from a dead link. */
  async beat(): Promise<void> {
    // What is sent next meets the same error and reports it.
    await this.#channel.send(emptyBatch({ round: this.#number, tree: 0 })).catch(() => undefined)
  }

  /** Takes what is compressed in its order, until nothing waits. */
  async #drain(): Promise<void> {
    try {
      for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
        this.#append(next instanceof Promise ? await next : next)
        this.#waiting.shift()
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#draining = undefined
  }

  #append(record: ChunkRecord): void {
    const needed = recordHeadBytes + record.stored.length
    if (this.#batch && this.#length + needed > this.#batch.length) this.#seal()
    if (!this.#batch) {
      this.#batch = takeBuffer(Math.max(2 * batchBytes, front + needed))
      this.#length = front
    }
    this.#length = writeRecord(this.#batch, this.#length, record)
    this.#content += record.length
    this.sent.chunks++
    this.sent.bytes += record.length
    this.sent.storedBytes += record.stored.length
    // By its content too: what compresses well would never fill one, and fill what may wait.
    if (this.#length >= batchBytes || this.#content >= batchContentBytes) this.#seal()
  }

  /** Nothing more goes into the batch at hand. */
  #seal(): void {
    const batch = this.#batch?.subarray(frameHeaderBytes, this.#length)
    if (!batch || this.#failure !== undefined) return
    sealBatch(batch, { round: this.#number, tree: 0 })
    this.#ready.push({ batch, bytes: this.#content })
    this.#batch = undefined
    this.#content = 0
    this.#sending ??= this.#send()
  }

  /** Sends what is ready, until nothing is. */
  async #send(): Promise<void> {
    try {
      for (let next = this.#ready.shift(); next; next = this.#ready.shift()) {
        await this.#channel.send(next.batch)
        this.#queued -= next.bytes
        if (!this.isFull) this.#onRoom()
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#sending = undefined
    this.#onRoom()
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#onRoom()
  }
}
