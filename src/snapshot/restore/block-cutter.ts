import type { WriteDigest } from '../../agent/block-digest.ts'
import type { CatalogWriter } from '../../agent/catalog-writer.ts'
import { digestBytes } from '../../agent/entry.ts'
import { type OpsWriter, ops } from '../../agent/ops.ts'

const noDigests = Buffer.alloc(4096 * digestBytes)

/** No file has larger blocks. */
export const maxBlockBytes = 1 << 20

export interface BlockCutterParts {
  ops: OpsWriter
  catalog: CatalogWriter
  /** What a block is told from others by. */
  label: WriteDigest
  /** A block waits in it for the rest of what makes it whole: of `maxBlockBytes`. */
  buffer: Buffer
}

/** Cuts a file's content, which comes in pieces of any length, into blocks. */
export class BlockCutter {
  readonly #shift: number
  readonly #size: number
  readonly #ops: OpsWriter
  readonly #catalog: CatalogWriter
  readonly #label: WriteDigest
  readonly #buffer: Buffer
  #position = 0
  #length = 0

  constructor(file: { blockShift: number; size: number }, parts: BlockCutterParts) {
    this.#shift = file.blockShift
    this.#size = file.size
    this.#ops = parts.ops
    this.#catalog = parts.catalog
    this.#label = parts.label
    this.#buffer = parts.buffer
  }

  data(content: Buffer): void {
    const block = 2 ** this.#shift
    let at = 0
    if (this.#length > 0) {
      at = content.copy(this.#buffer, this.#length, 0, block - (this.#length % block))
      this.#length += at
      if (this.#length % block > 0) return
      this.#emitBuffer()
    }
    const wholeEnd = content.length - ((content.length - at) % block)
    this.#emit(content.subarray(at, wholeEnd))
    this.#length = content.copy(this.#buffer, 0, wholeEnd)
  }

  /** A block that lies in a hole only in part is written, with zeros. */
  hole(length: number): void {
    const block = 2 ** this.#shift
    let left = length
    const partial = this.#length % block
    if (partial > 0) left -= this.#zeros(Math.min(left, block - partial))
    if (left <= 0) return
    this.#emitBuffer()
    const isLast = this.#position + left >= this.#size
    const whole = isLast ? Math.ceil(left / block) : Math.floor(left / block)
    if (whole > 0) this.#holes(whole)
    this.#position += Math.min(whole * block, left)
    left -= Math.min(whole * block, left)
    this.#zeros(left)
  }

  end(): void {
    this.#emitBuffer()
  }

  #zeros(count: number): number {
    for (let left = count; left > 0; ) {
      const some = Math.min(left, this.#buffer.length - this.#length)
      this.#buffer.fill(0, this.#length, this.#length + some)
      this.#length += some
      left -= some
      if (this.#length === this.#buffer.length) this.#emitBuffer()
    }
    return count
  }

  #holes(count: number): void {
    this.#ops.blocks(ops.hole, count)
    for (let left = count; left > 0; left -= 4096) {
      this.#catalog.digests(noDigests, 0, Math.min(left, 4096) * digestBytes)
    }
  }

  #emitBuffer(): void {
    this.#emit(this.#buffer.subarray(0, this.#length))
    this.#length = 0
  }

  /** Whole blocks, or what the file ends with. */
  #emit(content: Buffer): void {
    const { length } = content
    if (length === 0) return
    const block = 2 ** this.#shift
    const count = Math.ceil(length / block)
    const room = this.#ops.openData(count, length)
    content.copy(room.buffer, room.data)
    for (let index = 0; index < count; index++) {
      const start = room.data + index * block
      const end = Math.min(start + block, room.data + length)
      this.#label(room.buffer, room.digests + index * digestBytes, room.buffer.subarray(start, end))
    }
    this.#catalog.digests(room.buffer, room.digests, room.data)
    this.#position += length
  }
}
