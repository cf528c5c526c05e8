import { batchHeaderBytes, emptyBatch, sealBatch } from '../batch.ts'
import { takeBuffer } from '../buffer-pool.ts'
import type { Channel } from '../channel.ts'
import { frameHeaderBytes } from '../frames.ts'
import { encode } from './compress.ts'
import { DigestSet } from './digest-set.ts'
import { type ChunkRecord, recordHeadBytes, writeRecord } from './records.ts'

const batchBytes = 1 << 20
const front = frameHeaderBytes + batchHeaderBytes
/** So much content may wait to be compressed and sent while files are read. */
const queuedBytes = 32 << 20
/** While everything stands still, reading must not wait for sending. */
export const frozenQueuedBytes = 256 << 20

/** Where chunks of files go. */
export interface ChunkTaker {
  /** Takes a chunk; its content is copied if it is needed. */
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
  readonly #queue: (ChunkRecord | Promise<ChunkRecord>)[] = []
  #queued = 0
  #limit = queuedBytes
  #pumping: Promise<void> | undefined
  #failure: unknown
  #onRoom: () => void = () => undefined
  #batch: Buffer | undefined
  #length = 0
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
    // What is read next goes into the same memory.
    const copy = Buffer.from(content)
    const { length } = copy
    this.#queued += length
    const encoded = encode(copy)
    if (encoded instanceof Promise) {
      const record = encoded.then((done) => ({ digest, length, ...done }))
      // The pump meets the failure in its turn.
      record.catch(() => undefined)
      this.#queue.push(record)
    } else this.#queue.push({ digest, length, ...encoded })
    this.#pumping ??= this.#pump()
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
    await this.#pumping
    if (this.#failure !== undefined) throw this.#failure
    await this.#send()
  }

  /** An empty batch, so that a long search for changes can be told from a dead link. */
  async beat(): Promise<void> {
    // What is sent next meets the same error and reports it.
    await this.#channel.send(emptyBatch({ round: this.#number, tree: 0 })).catch(() => undefined)
  }

  /** Sends what is queued, until nothing is. */
  async #pump(): Promise<void> {
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        const record = next instanceof Promise ? await next : next
        await this.#append(record)
        this.#queued -= record.length
        if (!this.isFull) this.#onRoom()
      }
    } catch (error) {
      this.#failure = error
    }
    this.#pumping = undefined
    this.#onRoom()
  }

  async #append(record: ChunkRecord): Promise<void> {
    const needed = recordHeadBytes + record.stored.length
    if (this.#batch && this.#length + needed > this.#batch.length) await this.#send()
    if (!this.#batch) {
      this.#batch = takeBuffer(Math.max(2 * batchBytes, front + needed))
      this.#length = front
    }
    this.#length = writeRecord(this.#batch, this.#length, record)
    this.sent.chunks++
    this.sent.bytes += record.length
    this.sent.storedBytes += record.stored.length
    if (this.#length >= batchBytes) await this.#send()
  }

  async #send(): Promise<void> {
    const batch = this.#batch?.subarray(frameHeaderBytes, this.#length)
    this.#batch = undefined
    if (!batch) return
    sealBatch(batch, { round: this.#number, tree: 0 })
    await this.#channel.send(batch)
  }
}
