import { type AttributeOwner, readAttributes } from './attributes.ts'
import type { EntryReader } from './catalog-reader.ts'
import type { CatalogWriter } from './catalog-writer.ts'
import { type Head, HeadBuilder, localFlags, type Meta } from './entry.ts'
import { type EntryType, types } from './file-types.ts'
import { matchesLocalStat } from './local-stat.ts'
import { OldEntries } from './old-entries.ts'
import type { Stat } from './stat.ts'

/** What is known of a tree, what that is worth, and where what is found out goes. */
export interface SendCatalogOptions {
  /** Undefined when everything is read. */
  old: EntryReader | undefined
  /** False when a change since might have left no trace in a file's times, so that every file has to be read again. */
  isTrusted: boolean
  writer: CatalogWriter
  /** An entry that changed from here on (milliseconds since 1970) may change again unseen: it is marked as racy. */
  racyFromMs: number
}

/**
 * How much older than the scan a change must be to be told from a later one. Clocks tick, some file systems keep whole seconds, and
 * a write sets ctime before its data is there: in between it may wait for memory, for the journal or for a slow disk.
 */
export const racyMarginMs = 2000

/** The catalog of the round before and the new one, side by side, on the source. */
export class SendCatalog {
  readonly old: OldEntries
  readonly writer: CatalogWriter
  /** Entries with an attribute that is not carried. */
  skippedAttributes = 0

  readonly #builder = new HeadBuilder()
  readonly #isTrusted: boolean
  readonly #racyFrom: number
  #hasLeftOut = false

  constructor({ old, isTrusted, writer, racyFromMs }: SendCatalogOptions) {
    this.#isTrusted = isTrusted
    this.#racyFrom = racyFromMs / 1000
    this.old = new OldEntries(old)
    this.writer = writer
  }

  /** The head that was added last. */
  get added(): HeadBuilder {
    return this.#builder
  }

  /** Whether an entry need not be read again. */
  isUnchanged(old: Head, stat: Stat): boolean {
    return (
      old.type === stat.type &&
      !old.isRacy &&
      (old.type !== types.file || this.#isTrusted) &&
      matchesLocalStat(stat, old.buffer, old.start + 1)
    )
  }

  /** Copies the old entry at hand, digests included, and goes on. */
  keep(): void {
    if (this.old.reader?.peek()?.hasAttributeLeftOut) this.skippedAttributes++
    this.old.copyTo(this.writer)
  }

  /** Adds a head, racy when a later change could look the same. Returns its position. */
  add(
    type: EntryType,
    depth: number,
    name: string,
    owner: AttributeOwner,
    meta: Omit<Meta, 'attributes'>,
  ): number {
    const head = this.#builder.build(type, depth, name, { ...meta, attributes: this.#attributes(owner) })
    if (this.#hasLeftOut) {
      head[0] = localFlags.attributeLeftOut
      this.skippedAttributes++
    }
    const position = this.writer.head(head, 0, head.length)
    const { changedSeconds, changedNanoseconds } = meta.stat
    if (changedSeconds + changedNanoseconds / 1e9 >= this.#racyFrom) this.writer.markRacy(position)
    return position
  }

  /** Adds the head of a further link to the entry at `primary`, a path with NUL between its components. */
  addLink(depth: number, name: string, primary: string): void {
    const head = this.#builder.buildLink(depth, name, primary)
    this.writer.head(head, 0, head.length)
  }

  /** Puts the new catalog into the place of the old one. Returns the tree's digest. */
  finish(isTrusted: boolean): string {
    this.old.close()
    return this.writer.finish(isTrusted)
  }

  /** Keeps the old catalog. */
  discard(): void {
    this.old.close()
    this.writer.discard()
  }

  #attributes(owner: AttributeOwner): Buffer {
    this.#hasLeftOut = false
    return readAttributes(owner, () => {
      this.#hasLeftOut = true
    })
  }
}
