import { parseAttributes } from '../../agent/attributes.ts'
import { type Head, portableStart } from '../../agent/entry.ts'
import { types } from '../../agent/file-types.ts'
import { isSafeName } from '../../agent/names.ts'
import type { TreeReader } from '../../agent/snapshot/tree-reader.ts'
import { WherryError } from '../../model/errors.ts'
import type { ChunkStore } from '../chunk-store.ts'
import type { SnapshotTree } from '../config.ts'
import { damaged } from '../repository/failures.ts'
import { TreeFile } from '../tree-files.ts'

/** Between the components of a path, as in the tree: no name holds it, and paths compare in the tree's order. */
export const separator = '\0'

/**
 * Goes through a tree's entries with their paths, and makes sure that they are a tree: the root first, children beneath a
 * directory, names sorted and without a way out.
 */
export class TreeWalk {
  readonly #file: TreeFile
  readonly #what: string
  readonly #repository: string
  readonly #reader: TreeReader
  #above: { name: string; last: string }[] = []
  #isDirectory = true

  /** Where the entry at hand is, components joined by NUL; the root's is empty. */
  path = ''

  private constructor(chunks: ChunkStore, tree: Pick<SnapshotTree, 'id'>, file: TreeFile) {
    this.#file = file
    this.#what = `The list of files of ${tree.id}`
    this.#repository = chunks.repository.name
    this.#reader = file.reader()
  }

  /** Puts the tree together in a file of the directory. @throws NotVerifiedError, WherryError `blob-missing`. */
  static async open(
    chunks: ChunkStore,
    directory: string,
    tree: Pick<SnapshotTree, 'id' | 'refs'>,
  ): Promise<TreeWalk> {
    return new TreeWalk(chunks, tree, await TreeFile.open(chunks, directory, tree))
  }

  /** The next entry, undefined at the end; valid until the next call. @throws NotVerifiedError for what is no tree. */
  next(): Head | undefined {
    return this.#checked(() => {
      if (this.#above.length > 0) this.#reader.next()
      const head = this.#reader.peek()
      if (head) this.#enter(head)
      else if (this.#above.length === 0) throw new RangeError('it has no root')
      return head
    })
  }

  /** The next reference of the file at hand, undefined at its end. A digest of zeros stands for a hole. */
  nextRef(): { length: number; digest: Buffer; bytes: Buffer } | undefined {
    return this.#checked(() => {
      const bytes = this.#reader.nextRef()
      return bytes && { length: bytes.readUInt32LE(0), digest: bytes.subarray(4), bytes }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader.close()
    await this.#file[Symbol.asyncDispose]()
  }

  #enter(head: Head): void {
    if (!isWhole(head)) throw new RangeError('an entry that makes no sense')
    const { depth, name, type } = head
    if (this.#above.length === 0) {
      if (depth !== 0 || name !== '' || type !== types.directory) throw new RangeError('it has no root')
      this.#above = [{ name: '', last: '' }]
      return
    }
    if (depth === 0 || depth > this.#above.length || !isSafeName(name)) throw new RangeError('a wrong name')
    // A level belongs to each directory on the way; that of what is no directory goes before anything can come beneath.
    if (!this.#isDirectory && depth === this.#above.length) throw new RangeError('something beneath a file')
    this.#above.length = depth
    const above = this.#above[depth - 1]
    if (!above || name <= above.last) throw new RangeError('names that are not sorted')
    above.last = name
    this.#above.push({ name, last: '' })
    this.#isDirectory = type === types.directory
    this.path = this.#above
      .slice(1)
      .map((level) => level.name)
      .join(separator)
  }

  #checked<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw error instanceof WherryError ? error : damaged(this.#repository, this.#what, error)
    }
  }
}

/** Whether an entry is exactly as long as its fields say, so that reading any of them leads nowhere else. */
function isWhole(head: Head): boolean {
  const { buffer, end, name, start, type } = head
  const fields = start + portableStart + 7 + name.length
  if (type === types.link) return fields + 4 + head.primary.length === end
  const special = fields + 28 + buffer.readUInt32LE(fields + 24)
  if (special > end) return false
  for (const attribute of parseAttributes(head.attributes).keys()) if (attribute === '') return false
  const rest = { [types.file]: 9, [types.character]: 8, [types.block]: 8 }[type as number] ?? 0
  if (type === types.symlink) return special + 4 + head.target.length === end
  return type >= types.directory && type <= types.socket && special + rest === end
}
