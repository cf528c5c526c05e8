import { type BatchOrigin, batchHeaderBytes, sealBatch } from './batch.ts'
import { digestBytes } from './entry.ts'
import { frameHeaderBytes } from './frames.ts'

/**
 * The operations that make the target's tree equal to the source's, in walk order, in batches of about 1 MiB.
 * An operation never straddles batches. The bytes are described in docs/design/agent.md.
 */
export const ops = {
  /** The next `u32` entries of the target's old catalog still hold. */
  keep: 1,
  /** Go into an unchanged directory beneath which something changed. */
  enter: 2,
  /** Go back up, and set the directory's times. */
  leave: 3,
  /** Make or change a directory and go into it. */
  directory: 4,
  /** Make or change a regular file; its blocks follow. */
  file: 5,
  /** Blocks with data: `u32` count, `u32` bytes, digests, data. */
  data: 6,
  /** `u32` blocks that are holes. */
  hole: 7,
  /** `u32` blocks that are as before. */
  same: 8,
  fileEnd: 9,
  /** Make anything else: symlink, further link, device, FIFO, socket. */
  other: 10,
  /** Remove a name with all beneath it: `u32` entries of the old catalog. */
  remove: 11,
  /** The tree is complete: the source's digest. */
  treeEnd: 12,
} as const

export const opFlags = { inPlace: 1, sparse: 2 } as const

/** A batch is sent when it has grown to this. */
export const batchBytes = 1 << 20

const front = frameHeaderBytes + batchHeaderBytes

/** Builds batches. `take` hands one over; the builder goes on with another buffer. */
export class OpsWriter {
  #buffer: Buffer
  #length = front
  #pendingKeep = 0
  readonly #allocate: (bytes: number) => Buffer

  /** `allocate` gives a buffer of at least so many bytes. */
  constructor(allocate: (bytes: number) => Buffer) {
    this.#allocate = allocate
    this.#buffer = allocate(batchBytes * 2)
  }

  get isFull(): boolean {
    return this.#length >= batchBytes
  }

  get isEmpty(): boolean {
    return this.#length === front
  }

  /** The batch so far, sealed. */
  take(origin: BatchOrigin): Buffer {
    const batch = this.#buffer.subarray(frameHeaderBytes, this.#length)
    sealBatch(batch, origin)
    this.#buffer = this.#allocate(batchBytes * 2)
    this.#length = front
    return batch
  }

  keep(entries: number): void {
    this.#pendingKeep += entries
  }

  enter(name: string, modified: Buffer): void {
    this.#start(ops.enter, 64 + name.length)
    this.#name(name)
    this.#bytes(modified)
  }

  leave(): void {
    this.#start(ops.leave, 1)
  }

  /** A directory, file or other: what it replaces in the old catalog (entries), and its portable head. */
  put(op: number, flags: number, replaces: number, portable: Buffer): void {
    this.#start(op, 16 + portable.length)
    this.#buffer[this.#length++] = flags
    this.#u32(replaces)
    this.#u32(portable.length)
    this.#bytes(portable)
  }

  /** Blocks with data, taken from `digests` and `data` at the given bytes. */
  data(digests: Buffer, digestStart: number, count: number, data: Buffer, start: number, end: number): void {
    this.#start(ops.data, 16 + count * digestBytes + end - start)
    this.#u32(count)
    this.#u32(end - start)
    this.#length += digests.copy(this.#buffer, this.#length, digestStart, digestStart + count * digestBytes)
    this.#length += data.copy(this.#buffer, this.#length, start, end)
  }

  /** Room for blocks with data, to be filled in place: where its digests and its data begin in `buffer`. */
  openData(count: number, bytes: number): { buffer: Buffer; digests: number; data: number } {
    this.#start(ops.data, 16 + count * digestBytes + bytes)
    this.#u32(count)
    this.#u32(bytes)
    const digests = this.#length
    const data = digests + count * digestBytes
    this.#length = data + bytes
    return { buffer: this.#buffer, digests, data }
  }

  blocks(op: typeof ops.hole | typeof ops.same, count: number): void {
    this.#start(op, 8)
    this.#u32(count)
  }

  fileEnd(): void {
    this.#start(ops.fileEnd, 1)
  }

  remove(name: string, entries: number): void {
    this.#start(ops.remove, 64 + name.length)
    this.#u32(entries)
    this.#name(name)
  }

  treeEnd(digest: string): void {
    this.#start(ops.treeEnd, 64)
    this.#bytes(Buffer.from(digest, 'hex'))
  }

  #start(op: number, room: number): void {
    const needed = this.#length + room + 16
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(needed * 2)
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    if (this.#pendingKeep > 0) {
      this.#buffer[this.#length++] = ops.keep
      this.#u32(this.#pendingKeep)
      this.#pendingKeep = 0
    }
    this.#buffer[this.#length++] = op
  }

  #u32(value: number): void {
    this.#length = this.#buffer.writeUInt32LE(value, this.#length)
  }

  #bytes(value: Buffer): void {
    this.#length += value.copy(this.#buffer, this.#length)
  }

  #name(name: string): void {
    this.#length = this.#buffer.writeUInt16LE(name.length, this.#length)
    this.#length += this.#buffer.write(name, this.#length, 'latin1')
  }
}

/** Reads a batch. Throws a RangeError when the batch is shorter than its operations say. */
export class OpsReader {
  readonly #batch: Buffer
  #at = batchHeaderBytes

  constructor(batch: Buffer) {
    this.#batch = batch
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#batch.length
  }

  u8(): number {
    return this.#batch.readUInt8(this.#at++)
  }

  u32(): number {
    this.#at += 4
    return this.#batch.readUInt32LE(this.#at - 4)
  }

  bytes(length: number): Buffer {
    if (this.#at + length > this.#batch.length) throw new RangeError('an operation is cut short')
    this.#at += length
    return this.#batch.subarray(this.#at - length, this.#at)
  }

  name(): string {
    this.#at += 2
    const length = this.#batch.readUInt16LE(this.#at - 2)
    return this.bytes(length).toString('latin1')
  }
}
