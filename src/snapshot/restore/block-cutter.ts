import { writeDigest } from '../../agent/block-digest.ts'
import type { CatalogWriter } from '../../agent/catalog-writer.ts'
import { digestBytes } from '../../agent/entry.ts'
import { type OpsWriter, ops } from '../../agent/ops.ts'

const noDigests = Buffer.alloc(4096 * digestBytes)

/** Cuts a file's content, which comes in pieces of any length, into blocks. */
export class BlockCutter {
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
