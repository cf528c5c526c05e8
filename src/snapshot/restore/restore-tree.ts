import { writeDigest } from '../../agent/block-digest.ts'
import { CatalogWriter } from '../../agent/catalog-writer.ts'
import { digestBytes, type Head, portableStart } from '../../agent/entry.ts'
import { types } from '../../agent/file-types.ts'
import { type OpsWriter, opFlags, ops } from '../../agent/ops.ts'
import type { TreeReader } from '../../agent/snapshot/tree-reader.ts'
import type { ChunkStore } from '../chunk-store.ts'

const hole = Buffer.alloc(32)
const noDigests = Buffer.alloc(4096 * digestBytes)
/** A batch takes blocks up to so many bytes at once. */
const runBytes = 256 << 10
const minShift = 13
const maxShift = 20

/**
 * Turns a tree of a snapshot into the operations that make it on an engine, as a first round of a migration would. A tree that
 * makes no sense is an error before anything wrong is sent; names are judged by the agent, which follows none out of its root.
 */
export class TreeRestorer {
  readonly #reader: TreeReader
  readonly #chunks: ChunkStore
  readonly #ops: OpsWriter
  readonly #catalog: CatalogWriter
  #depth = -1
  #blocks = Buffer.allocUnsafeSlow(runBytes)
  files = 0
  bytes = 0

  /** `catalogPath` is for a file that is worked with and removed. */
  constructor(reader: TreeReader, chunks: ChunkStore, writer: OpsWriter, catalogPath: string) {
    this.#reader = reader
    this.#chunks = chunks
    this.#ops = writer
    this.#catalog = new CatalogWriter(catalogPath)
  }

  /** Does the next entry; `send` is called whenever a batch is full. False at the end. @throws RangeError for a tree that makes no sense. */
  async step(send: () => Promise<void>): Promise<boolean> {
    const head = this.#reader.peek()
    if (!head) {
      while (this.#depth >= 0) this.#leave()
      return false
    }
    assertSound(head, this.#depth)
    const isDirectory = head.type === types.directory
    const parent = head.depth - 1
    while (this.#depth > parent) this.#leave()
    this.#catalog.head(head.buffer, head.start, head.end)
    const portable = head.buffer.subarray(head.start + portableStart, head.end)
    if (isDirectory) {
      this.#ops.put(ops.directory, 0, 0, portable)
      this.#depth = head.depth
    } else if (head.type === types.file) await this.#file(head, portable, send)
    else this.#ops.put(ops.other, 0, 0, portable)
    if (!isDirectory) this.files++
    if (this.#ops.isFull) await send()
    this.#reader.next()
    return true
  }

  /** Ends the tree. Returns the digest that the target must come to, hexadecimal. */
  finish(): string {
    return this.#catalog.finish(true)
  }

  discard(): void {
    this.#catalog.discard()
  }

  #leave(): void {
    this.#ops.leave()
    this.#depth--
  }

  async #file(head: Head, portable: Buffer, send: () => Promise<void>): Promise<void> {
    const { blockShift: shift, size } = head
    const refs = this.#refs()
    const isSparse = refs.some(({ digest }) => digest.equals(hole))
    this.#ops.put(ops.file, isSparse ? opFlags.sparse : 0, 0, Buffer.from(portable))
    const blocks = new BlockCutter(shift, size, this.#ops, this.#catalog, this.#blocks)
    for (const { digest, length } of refs) {
      if (digest.equals(hole)) blocks.hole(length)
      else {
        const content = await this.#chunks.read(digest)
        if (content.length !== length) throw new RangeError('a chunk has another length than its file says')
        for (let at = 0; at < length; at += runBytes) {
          blocks.data(content.subarray(at, at + runBytes))
          if (this.#ops.isFull) await send()
        }
      }
    }
    blocks.end()
    this.#ops.fileEnd()
    this.bytes += size
  }

  #refs(): { length: number; digest: Buffer }[] {
    const refs: { length: number; digest: Buffer }[] = []
    for (let ref = this.#reader.nextRef(); ref; ref = this.#reader.nextRef()) {
      refs.push({ length: ref.readUInt32LE(0), digest: Buffer.from(ref.subarray(4)) })
    }
    return refs
  }
}

/** Cuts a file's content, which comes in pieces of any length, into blocks. */
class BlockCutter {
  readonly #shift: number
  readonly #size: number
  readonly #ops: OpsWriter
  readonly #catalog: CatalogWriter
  readonly #buffer: Buffer
  #position = 0
  #length = 0

  constructor(shift: number, size: number, writer: OpsWriter, catalog: CatalogWriter, buffer: Buffer) {
    this.#shift = shift
    this.#size = size
    this.#ops = writer
    this.#catalog = catalog
    this.#buffer = buffer.length >= 2 ** shift ? buffer : Buffer.allocUnsafeSlow(2 ** shift)
  }

  data(content: Buffer): void {
    for (let at = 0; at < content.length; ) {
      const copied = content.copy(this.#buffer, this.#length, at)
      this.#length += copied
      at += copied
      if (this.#length === this.#buffer.length) this.#emit(this.#length)
    }
  }

  /** A block that lies in a hole only in part is written, with zeros. */
  hole(length: number): void {
    const block = 2 ** this.#shift
    let left = length
    const partial = this.#length % block
    if (partial > 0) left -= this.#zeros(Math.min(left, block - partial))
    if (left <= 0) return
    this.#emit(this.#length)
    const isLast = this.#position + left >= this.#size
    const whole = isLast ? Math.ceil(left / block) : Math.floor(left / block)
    if (whole > 0) this.#holes(whole)
    this.#position += Math.min(whole * block, left)
    left -= Math.min(whole * block, left)
    this.#zeros(left)
  }

  end(): void {
    this.#emit(this.#length)
  }

  #zeros(count: number): number {
    for (let left = count; left > 0; ) {
      const some = Math.min(left, this.#buffer.length - this.#length)
      this.#buffer.fill(0, this.#length, this.#length + some)
      this.#length += some
      left -= some
      if (this.#length === this.#buffer.length) this.#emit(this.#length)
    }
    return count
  }

  #holes(count: number): void {
    this.#ops.blocks(ops.hole, count)
    for (let left = count; left > 0; left -= 4096) {
      this.#catalog.digests(noDigests, 0, Math.min(left, 4096) * digestBytes)
    }
  }

  #emit(length: number): void {
    if (length === 0) return
    const block = 2 ** this.#shift
    const count = Math.ceil(length / block)
    const room = this.#ops.openData(count, length)
    this.#buffer.copy(room.buffer, room.data, 0, length)
    for (let index = 0; index < count; index++) {
      const start = room.data + index * block
      const end = Math.min(start + block, room.data + length)
      writeDigest(room.buffer, room.digests + index * digestBytes, room.buffer.subarray(start, end))
    }
    this.#catalog.digests(room.buffer, room.digests, room.data)
    this.#position += length
    this.#length = 0
  }
}

/** @throws RangeError when an entry cannot follow in a directory of that depth, or its fields do not fit. */
function assertSound(head: Head, depth: number): void {
  const { type, blockShift } = head
  if (type < types.directory || type > types.socket) throw new RangeError(`an entry of type ${type}`)
  const fits =
    depth < 0 ? head.depth === 0 && type === types.directory : head.depth >= 1 && head.depth <= depth + 1
  if (!fits) throw new RangeError('an entry at a depth that no directory has')
  if (type === types.file && (blockShift < minShift || blockShift > maxShift))
    throw new RangeError('blocks of an odd size')
  if (head.name.length === 0 && head.depth > 0) throw new RangeError('an entry without a name')
}
