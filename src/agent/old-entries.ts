import type { EntryReader } from './catalog-reader.ts'
import type { CatalogWriter } from './catalog-writer.ts'
import type { Head } from './entry.ts'

/** What is known of a tree from before, read beside the walk; empty when there is nothing. */
export class OldEntries {
  /** Standing at the entry at hand. */
  readonly reader: EntryReader | undefined

  constructor(reader: EntryReader | undefined) {
    this.reader = reader
  }

  /** The entry at hand when it is at this depth: while a directory is walked, one of its children. */
  at(depth: number): Head | undefined {
    const old = this.reader?.peek()
    return old?.depth === depth ? old : undefined
  }

  next(): void {
    this.reader?.next()
  }

  /** Copies the entry at hand to the new catalog and goes on. */
  copyTo(catalog: CatalogWriter): void {
    this.reader?.copyTo(catalog)
  }

  /** Passes over an entry, with all beneath it unless told otherwise. Returns how many that were. */
  consume(old: Head, isOnlyItself: boolean): number {
    const depth = old.depth
    let count = 1
    this.next()
    if (isOnlyItself) return count
    for (let next = this.reader?.peek(); next && next.depth > depth; next = this.reader?.peek()) {
      this.next()
      count++
    }
    return count
  }

  close(): void {
    this.reader?.close()
  }
}
