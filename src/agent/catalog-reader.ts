import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { bufferBytes, headerBytes } from './catalog-format.ts'
import type { CatalogWriter } from './catalog-writer.ts'
import { digestBytes, Head } from './entry.ts'

/** Reads a catalog from front to back. */
export class CatalogReader {
  readonly #file: number
  readonly #size: number
  readonly #head = new Head()
  #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #start = 0
  #end = 0
  #position = headerBytes
  #hasHead = false
  #digestsLeft = 0
  #isOpen = true

  constructor(path: string) {
    this.#file = openSync(path, 'r')
    this.#size = fstatSync(this.#file).size
  }

  /** The entry at hand, undefined at the end. Its bytes are valid until `digests` or `next`. */
  peek(): Head | undefined {
    if (this.#hasHead) return this.#head
    if (!this.#need(4)) return undefined
    const length = this.#buffer.readUInt32LE(this.#start)
    if (!this.#need(4 + length)) throw new Error('the catalog is cut short')
    this.#head.set(this.#buffer, this.#start + 4, this.#start + 4 + length)
    this.#start += 4 + length
    this.#hasHead = true
    this.#digestsLeft = this.#head.blocks * digestBytes
    return this.#head
  }

  /** The next digests of the entry at hand, at most 65536 at once and fewer at its end; valid until the next call. */
  digests(count: number): Buffer {
    const bytes = Math.min(count * digestBytes, this.#digestsLeft)
    if (!this.#need(bytes)) throw new Error('the catalog is cut short')
    this.#start += bytes
    this.#digestsLeft -= bytes
    return this.#buffer.subarray(this.#start - bytes, this.#start)
  }

  /** Goes on to the next entry. */
  next(): void {
    this.peek()
    this.#hasHead = false
    const inBuffer = Math.min(this.#digestsLeft, this.#end - this.#start)
    this.#start += inBuffer
    this.#position += this.#digestsLeft - inBuffer
    this.#digestsLeft = 0
  }

  /** May be called twice. */
  close(): void {
    if (this.#isOpen) closeSync(this.#file)
    this.#isOpen = false
  }

  /** Makes sure that so many bytes are in the buffer. False at the end of the file. */
  #need(bytes: number): boolean {
    if (this.#end - this.#start >= bytes) return true
    if (bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(bytes * 2)
      this.#buffer.copy(larger, 0, this.#start, this.#end)
      this.#buffer = larger
    } else this.#buffer.copyWithin(0, this.#start, this.#end)
    this.#end -= this.#start
    this.#start = 0
    while (this.#end < bytes && this.#position < this.#size) {
      const read = readSync(
        this.#file,
        this.#buffer,
        this.#end,
        this.#buffer.length - this.#end,
        this.#position,
      )
      if (read === 0) break
      this.#end += read
      this.#position += read
    }
    return this.#end >= bytes
  }
}

/** Copies the entry at hand from an old catalog to a new one and goes on. */
export function copyEntry(reader: CatalogReader, writer: CatalogWriter): void {
  const head = reader.peek()
  if (!head) throw new Error('the catalog ends too early')
  writer.head(head.buffer, head.start, head.end)
  for (let left = head.blocks; left > 0; ) {
    const digests = reader.digests(Math.min(left, 32_768))
    writer.digests(digests, 0, digests.length)
    left -= digests.length / digestBytes
  }
  reader.next()
}
