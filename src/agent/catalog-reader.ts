import { headerBytes } from './catalog-format.ts'
import type { CatalogWriter } from './catalog-writer.ts'
import { digestBytes, Head } from './entry.ts'
import { FileWindow } from './file-window.ts'

/** Reads entries of a tree from front to back, whatever follows the head of a file. */
export interface EntryReader {
  /** The entry at hand, undefined at the end. Its bytes are valid until anything else is read. */
  peek(): Head | undefined
  /** Goes on to the next entry. */
  next(): void
  /** Copies the entry at hand, content included, and goes on. */
  copyTo(writer: CatalogWriter): void
  /** May be called twice. */
  close(): void
}

/** The next entry's head, or undefined at the end. @throws Error when the file is cut short. */
export function readHead(window: FileWindow, head: Head): Head | undefined {
  if (!window.need(4)) return undefined
  const length = window.buffer.readUInt32LE(window.start)
  if (!window.need(4 + length)) throw new Error('the catalog is cut short')
  head.set(window.buffer, window.start + 4, window.start + 4 + length)
  window.start += 4 + length
  return head
}

/** Reads a catalog: a file's head is followed by the digests of its blocks. */
export class CatalogReader implements EntryReader {
  readonly #window: FileWindow
  readonly #head = new Head()
  #hasHead = false
  #digestsLeft = 0

  constructor(path: string) {
    this.#window = new FileWindow(path, headerBytes)
  }

  peek(): Head | undefined {
    if (this.#hasHead) return this.#head
    if (!readHead(this.#window, this.#head)) return undefined
    this.#hasHead = true
    this.#digestsLeft = this.#head.blocks * digestBytes
    return this.#head
  }

  /** The next digests of the entry at hand, at most 65536 at once and fewer at its end; valid until the next call. */
  digests(count: number): Buffer {
    const window = this.#window
    const bytes = Math.min(count * digestBytes, this.#digestsLeft)
    if (!window.need(bytes)) throw new Error('the catalog is cut short')
    window.start += bytes
    this.#digestsLeft -= bytes
    return window.buffer.subarray(window.start - bytes, window.start)
  }

  next(): void {
    this.peek()
    this.#hasHead = false
    this.#window.skip(this.#digestsLeft)
    this.#digestsLeft = 0
  }

  copyTo(writer: CatalogWriter): void {
    const head = this.peek()
    if (!head) throw new Error('the catalog ends too early')
    writer.head(head.buffer, head.start, head.end)
    for (let left = head.blocks; left > 0; ) {
      const digests = this.digests(Math.min(left, 32_768))
      writer.digests(digests, 0, digests.length)
      left -= digests.length / digestBytes
    }
    this.next()
  }

  close(): void {
    this.#window.close()
  }
}
