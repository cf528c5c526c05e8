import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { bufferBytes } from './catalog-format.ts'

/** A file that is read from front to back, with the bytes at hand in one buffer that grows when it must. */
export class FileWindow {
  /** What is at hand lies from `start` to `end`; valid until the next `need`. */
  buffer = Buffer.allocUnsafeSlow(bufferBytes)
  start = 0
  end = 0
  readonly #file: number
  readonly #size: number
  #position: number
  #isOpen = true

  /** Begins at the byte `position`. */
  constructor(path: string, position: number) {
    this.#file = openSync(path, 'r')
    this.#size = fstatSync(this.#file).size
    this.#position = position
  }

  /** Makes sure that so many bytes are at hand. False at the end of the file. */
  need(bytes: number): boolean {
    const atHand = this.end - this.start
    if (atHand >= bytes) return true
    // Before memory is taken: a damaged file may ask for anything.
    if (atHand + this.#size - this.#position < bytes) return false
    if (bytes > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(bytes * 2)
      this.buffer.copy(larger, 0, this.start, this.end)
      this.buffer = larger
    } else this.buffer.copyWithin(0, this.start, this.end)
    this.end -= this.start
    this.start = 0
    while (this.end < bytes && this.#position < this.#size) {
      const read = readSync(this.#file, this.buffer, this.end, this.buffer.length - this.end, this.#position)
      if (read === 0) break
      this.end += read
      this.#position += read
    }
    return this.end >= bytes
  }

  /** Passes over so many bytes, at hand or not. */
  skip(bytes: number): void {
    const atHand = Math.min(bytes, this.end - this.start)
    this.start += atHand
    this.#position += bytes - atHand
  }

  /** May be called twice. */
  close(): void {
    if (this.#isOpen) closeSync(this.#file)
    this.#isOpen = false
  }
}
