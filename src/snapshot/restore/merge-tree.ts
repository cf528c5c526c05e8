import type { CatalogReader } from '../../agent/catalog-reader.ts'
import { Head, portableStart } from '../../agent/entry.ts'
import { types } from '../../agent/file-types.ts'
import { displayName } from '../../agent/names.ts'
import type { TreeReader } from '../../agent/snapshot/tree-reader.ts'
import { TargetPosition } from '../../agent/target-position.ts'
import { RefusedError } from '../../model/errors.ts'
import { assertSound, EntryWriter, type EntryWriterParts, type FileRef, refsOf } from './entry-writer.ts'

export interface MergeParts extends EntryWriterParts {
  /** What the target's directory holds, with its chunks, and the same as the target's own catalog, entry by entry. */
  there: TreeReader
  thereCatalog: CatalogReader
  /** What of the tree is wanted: names from the root down, one character per byte; all where there are none. */
  scope: readonly string[]
}

/**
 * Makes what is in scope on the target as it is in the snapshot, and leaves everything else there alone. Files that are right
 * already are not fetched; one that is not is made anew, so that other names of it outside the scope stay as they are.
 */
export class TreeMerger {
  readonly #parts: MergeParts
  readonly entries: EntryWriter
  readonly #position: TargetPosition
  /** How much was right already. */
  kept = 0

  constructor(parts: MergeParts) {
    this.#parts = parts
    this.entries = new EntryWriter(parts)
    this.#position = new TargetPosition(parts.ops)
  }

  /** Does all of it. @throws RefusedError `path-not-in-snapshot`, RangeError for a tree that makes no sense. */
  async run(): Promise<void> {
    const { reader, there, scope } = this.#parts
    const [here, root] = [reader.peek(), there.peek()]
    if (!here || !root || here.depth !== 0 || root.depth !== 0) throw new RangeError('a tree without a root')
    await this.#directory(here, root, scope.length === 0)
    await this.#children(0, scope)
    this.#position.pop()
  }

  /** The children of a directory, on both sides from the next entry on. `scope`: what is wanted of them; all if empty. */
  async #children(depth: number, scope: readonly string[]): Promise<void> {
    let hasMet = scope.length === 0
    for (;;) {
      const here = childOf(this.#parts.reader, depth)
      const there = childOf(this.#parts.there, depth)
      if (!here && !there) break
      const name = !here || (there && there.name < here.name) ? (there?.name ?? '') : here.name
      const ours = here?.name === name ? here : undefined
      const theirs = there?.name === name ? there : undefined
      const isWanted = scope.length === 0 || name === scope[0]
      if (ours) assertSound(ours, depth)
      if (isWanted && ours) hasMet = true
      if (!isWanted) this.#passOver(ours, theirs)
      else if (!ours) this.#surplus(theirs, scope)
      else await this.#wanted(ours, theirs, scope.slice(1), scope.length <= 1)
    }
    if (!hasMet) throw notThere(this.#parts.scope)
  }

  /** An entry that the snapshot has: wanted itself, or on the way to what is. */
  async #wanted(
    ours: Head,
    theirs: Head | undefined,
    scope: readonly string[],
    isWhole: boolean,
  ): Promise<void> {
    const { depth } = ours
    if (!isWhole && ours.type !== types.directory) throw notThere(this.#parts.scope)
    if (ours.type === types.directory && theirs?.type === types.directory) {
      await this.#directory(ours, theirs, isWhole)
      await this.#children(depth, scope)
      this.#position.pop()
    } else if (ours.type === types.directory) {
      const [name, modified] = [ours.name, Buffer.from(ours.modified)]
      await this.#put(ours, theirs)
      this.#position.push(name, modified, true)
      await this.#children(depth, scope)
      this.#position.pop()
    } else await this.#file(ours, theirs)
  }

  /** A directory that both have. */
  async #directory(ours: Head, theirs: Head, isWhole: boolean): Promise<void> {
    const { name } = ours
    const isRight = !isWhole || theirs.isSamePortable(portableOf(ours))
    const modified = Buffer.from((isWhole ? ours : theirs).modified)
    if (isRight) {
      this.#keep(1)
      this.#parts.reader.next()
    } else {
      this.#position.catchUp()
      this.#consume(1)
      await this.entries.put(ours, 1, { isInPlace: true })
    }
    this.#position.push(name, modified, !isRight)
  }

  /** Anything else; a further link is made anew, because what it leads to may have been. */
  async #file(ours: Head, theirs: Head | undefined): Promise<void> {
    const head = new Head().set(
      Buffer.from(ours.buffer.subarray(ours.start, ours.end)),
      0,
      ours.end - ours.start,
    )
    if (head.type === types.link) this.#assertInScope(head)
    const refs = head.type === types.file ? refsOf(this.#parts.reader) : undefined
    const isAlike = theirs?.isSamePortable(portableOf(head)) && head.type !== types.link
    if (isAlike && (!refs || sameRefs(refs, refsOf(this.#parts.there)))) {
      this.#keep(1)
      this.#parts.reader.next()
      return
    }
    this.#position.catchUp()
    const replaces = theirs ? this.#consume(this.#countThere(head.depth)) : 0
    await this.entries.put(head, replaces, refs ? { refs } : {})
  }

  /** What is there and not in the snapshot: goes where it is wanted to be as in the snapshot, else stays. */
  #surplus(theirs: Head | undefined, scope: readonly string[]): void {
    if (!theirs) return
    if (scope.length > 1) throw notThere(this.#parts.scope)
    const { depth, name } = theirs
    this.#position.catchUp()
    this.#parts.ops.remove(name, this.#consume(this.#countThere(depth)))
  }

  #passOver(ours: Head | undefined, theirs: Head | undefined): void {
    const { reader } = this.#parts
    if (ours) {
      const { depth } = ours
      reader.next()
      for (let next = reader.peek(); next && next.depth > depth; next = reader.peek()) reader.next()
    }
    if (theirs) this.#keep(this.#countThere(theirs.depth))
  }

  /** Entries of the target from the one at hand, of that depth, with all beneath it. The reader of chunks goes behind them. */
  #countThere(depth: number): number {
    const { there } = this.#parts
    let count = 1
    there.next()
    for (let next = there.peek(); next && next.depth > depth; next = there.peek()) {
      there.next()
      count++
    }
    this.#counted = count
    return count
  }

  #counted = 0

  /** Takes so many entries of the target's catalog over as they are. */
  #keep(count: number): void {
    const { catalog, ops, there, thereCatalog } = this.#parts
    if (this.#counted === 0) there.next()
    this.#counted = 0
    for (let left = count; left > 0; left--) thereCatalog.copyTo(catalog)
    ops.keep(count)
    this.kept += count
  }

  /** Passes over so many entries of the target's catalog. */
  #consume(count: number): number {
    if (this.#counted === 0) this.#parts.there.next()
    this.#counted = 0
    for (let left = count; left > 0; left--) this.#parts.thereCatalog.next()
    return count
  }

  #put(ours: Head, theirs: Head | undefined): Promise<void> {
    this.#position.catchUp()
    const { depth } = ours
    return this.entries.put(ours, theirs ? this.#consume(this.#countThere(depth)) : 0)
  }

  #assertInScope({ primary }: Head): void {
    const { scope } = this.#parts
    const names = primary.split('\0')
    if (scope.every((name, index) => names[index] === name)) return
    throw new RefusedError(
      'link-out-of-path',
      `${displayName(scope.join('/'))} holds a further name of ${displayName(names.join('/'))}, which lies outside it.`,
      { suggestions: ['Restore a directory that holds both, or the whole volume.'] },
    )
  }
}

function childOf(reader: TreeReader, depth: number): Head | undefined {
  const head = reader.peek()
  if (head && head.depth > depth + 1) throw new RangeError('an entry at a depth that no directory has')
  return head?.depth === depth + 1 ? head : undefined
}

function portableOf(head: Head): Buffer {
  return head.buffer.subarray(head.start + portableStart, head.end)
}

function sameRefs(a: readonly FileRef[], b: readonly FileRef[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ length, digest }, index) => b[index]?.length === length && b[index].digest.equals(digest))
  )
}

function notThere(scope: readonly string[]): RefusedError {
  const path = displayName(scope.join('/'))
  return new RefusedError('path-not-in-snapshot', `The snapshot has no ${path} in that volume.`, {
    suggestions: ['See what it has: wherry snapshot files SNAPSHOT VOLUME'],
    data: { path },
  })
}
