import { headerBytes } from '../catalog-format.ts'
import { type EntryReader, readHead } from '../catalog-reader.ts'
import type { CatalogWriter } from '../catalog-writer.ts'
import { Head } from '../entry.ts'
import { types } from '../file-types.ts'
import { FileWindow } from '../file-window.ts'
import { chunkDigestBytes } from './digest-set.ts'

/** The first bytes of a tree's file where it is worked on; the last character is the version. */
export const treeMagic = 'WHERRYT1'

/** Bytes of a reference to a chunk: `u32` length, digest. A digest of zeros stands for a hole. */
export const refBytes = 4 + chunkDigestBytes

/**
 * Reads a tree of a snapshot: a catalog in which the head of a file is followed by references to chunks, as many as its size
 * takes. The bytes are described in docs/design/snapshot-format.md.
 */
export class TreeReader implements EntryReader {
  readonly #window: FileWindow
  readonly #head = new Head()
  #hasHead = false
  #left = 0

  /** `start`: where the entries begin in the file. */
  constructor(path: string, start = headerBytes) {
    this.#window = new FileWindow(path, start)
  }

  peek(): Head | undefined {
    if (this.#hasHead) return this.#head
    if (!readHead(this.#window, this.#head)) return undefined
    this.#hasHead = true
    this.#left = this.#head.type === types.file ? this.#head.size : 0
    return this.#head
  }

  /** The next reference of the file at hand, undefined at its end; valid until anything else is read. */
  nextRef(): Buffer | undefined {
    if (this.#left === 0) return undefined
    const window = this.#window
    if (!window.need(refBytes)) throw new Error('the tree is cut short')
    const ref = window.buffer.subarray(window.start, window.start + refBytes)
    window.start += refBytes
    const length = ref.readUInt32LE(0)
    if (length === 0 || length > this.#left) throw new Error('a file’s chunks do not fit its size')
    this.#left -= length
    return ref
  }

  next(): void {
    this.peek()
    while (this.nextRef());
    this.#hasHead = false
  }

  copyTo(writer: CatalogWriter): void {
    const head = this.peek()
    if (!head) throw new Error('the tree ends too early')
    writer.head(head.buffer, head.start, head.end)
    for (let ref = this.nextRef(); ref; ref = this.nextRef()) writer.digests(ref, 0, ref.length)
    this.next()
  }

  close(): void {
    this.#window.close()
  }
}
