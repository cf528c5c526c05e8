import { unopened } from './attributes.ts'
import type { DirectoryStack } from './directory-stack.ts'
import { blockShiftFor, type Head } from './entry.ts'
import { changedWhileStopped } from './errors.ts'
import { forgetCached, openFile, readLink } from './file-reader.ts'
import { type EntryType, types } from './file-types.ts'
import { type OpsWriter, ops } from './ops.ts'
import type { SendCatalog } from './send-catalog.ts'
import type { FileHandler } from './send-file.ts'
import { Stat } from './stat.ts'
import { system } from './system.ts'
import type { TargetPosition } from './target-position.ts'

/** A file that has several names: the first of them in walk order, and whether the target made it anew. */
interface Primary {
  path: string
  isNew: boolean
}

/** What the sending of entries works on; the walk shares it. */
export interface SendTreeParts {
  id: string
  isFinal: boolean
  fromDisk: boolean
  ops: OpsWriter
  directories: DirectoryStack
  catalog: SendCatalog
  position: TargetPosition
  files: FileHandler
}

/** Compares what is no directory with the round before and sends what differs. A large file takes several steps. */
export class EntrySender {
  readonly counts = { files: 0, totalBytes: 0, allocatedBytes: 0, filesSent: 0, deleted: 0 }

  readonly #parts: SendTreeParts
  readonly #file: FileHandler
  readonly #opened = new Stat()
  readonly #primaries = new Map<string, Primary>()
  #fileName = ''
  #filePosition = 0

  constructor(parts: SendTreeParts) {
    this.#parts = parts
    this.#file = parts.files
  }

  /** Whether a file has begun that `step` goes on with. */
  get isBusy(): boolean {
    return this.#file.isBusy
  }

  /** A name in the current directory, with its old entry. */
  send(name: string, stat: Stat, old: Head | undefined): void {
    this.counts.files++
    const known = stat.nlink > 1 ? this.#primaries.get(stat.identity) : undefined
    if (known) this.#link(name, old, known)
    else this.#first(name, stat, old)
  }

  /** Handles one chunk of the file that has begun. */
  step(): void {
    const outcome = this.#file.step()
    if (!outcome) return
    if (outcome.isSent) this.counts.filesSent++
    if (!outcome.hasChanged) return
    const { isFinal, id, directories, catalog } = this.#parts
    if (isFinal) throw changedWhileStopped(id, directories.path(this.#fileName))
    catalog.writer.markRacy(this.#filePosition)
  }

  /** An old entry that is there no more, with all beneath it. */
  remove(old: Head): void {
    const name = old.name
    this.#parts.position.catchUp()
    const count = this.#parts.catalog.old.consume(old, false)
    this.counts.deleted += count
    this.#parts.ops.remove(name, count)
  }

  /** A name that was listed and is gone. */
  vanished(name: string, old: Head | undefined): void {
    const { isFinal, id, directories } = this.#parts
    if (isFinal) throw changedWhileStopped(id, directories.path(name))
    if (old) this.remove(old)
  }

  /** Gives up the file at hand. */
  close(): void {
    this.#file.close()
  }

  /** A file of any kind, under the first of its names. */
  #first(name: string, stat: Stat, old: Head | undefined): void {
    const { type } = stat
    if (type === undefined) throw new Error('a file of an unknown type')
    let primary: Primary | undefined
    if (stat.nlink > 1) {
      const path = this.#parts.directories.path(name).replaceAll('/', '\0')
      primary = { path, isNew: false }
      this.#primaries.set(stat.identity, primary)
    }
    if (this.#sendFirst(type, name, stat, old, primary)) this.counts.allocatedBytes += stat.allocated
    else {
      if (primary) this.#primaries.delete(stat.identity)
      this.counts.files--
      this.vanished(name, old)
    }
  }

  /** False when it has vanished. */
  #sendFirst(type: EntryType, name: string, stat: Stat, old: Head | undefined, primary?: Primary): boolean {
    if (old && this.#parts.catalog.isUnchanged(old, stat)) {
      if (type === types.file) this.counts.totalBytes += old.size
      this.#keep()
      return true
    }
    return type === types.file
      ? this.#beginFile(name, stat, old, primary)
      : this.#other(type, name, stat, old, primary)
  }

  /** A further name of something met before. */
  #link(name: string, old: Head | undefined, primary: Primary): void {
    const { catalog } = this.#parts
    if (old?.type === types.link && old.primary === primary.path && !primary.isNew) {
      this.#keep()
      return
    }
    catalog.addLink(this.#depth, name, primary.path)
    this.#put(old)
  }

  /** Symlinks, devices, FIFOs and sockets. */
  #other(type: EntryType, name: string, stat: Stat, old: Head | undefined, primary?: Primary): boolean {
    const { catalog, directories } = this.#parts
    const directory = directories.current
    const target = type === types.symlink ? readLink(directory, name) : undefined
    if (type === types.symlink && target === undefined) return false
    const meta = { stat, ...(target === undefined ? {} : { target }) }
    catalog.add(type, this.#depth, name, unopened(directory, name), meta)
    if (old?.isSamePortable(catalog.added.portable)) {
      this.#parts.ops.keep(1)
      catalog.old.next()
    } else {
      if (primary) primary.isNew = true
      this.#put(old)
    }
    return true
  }

  #beginFile(name: string, found: Stat, old: Head | undefined, primary?: Primary): boolean {
    const { catalog, position } = this.#parts
    const descriptor = openFile(this.#parts.directories.current, name)
    if (this.#parts.fromDisk && descriptor >= 0) forgetCached(descriptor)
    if (descriptor < 0) return false
    const stat = this.#opened.readDescriptor(descriptor)
    if (stat.type !== types.file || !stat.isOf(found)) {
      system.close(descriptor)
      return false
    }
    const oldFile = old?.type === types.file ? old : undefined
    const shift = oldFile?.blockShift ?? blockShiftFor(stat.size)
    this.#fileName = name
    this.#filePosition = catalog.add(
      types.file,
      this.#depth,
      name,
      { descriptor },
      { stat, blockShift: shift },
    )
    if (primary) primary.isNew = !oldFile
    this.counts.totalBytes += stat.size
    const consumed = old && !oldFile ? catalog.old.consume(old, false) : 0
    this.#file.begin({
      descriptor,
      stat,
      head: catalog.added,
      shift,
      hasOld: oldFile !== undefined,
      isSameHead: oldFile?.isSamePortable(catalog.added.portable) ?? false,
      replaces: oldFile ? 1 : consumed,
      beforeFirst: () => position.catchUp(),
    })
    this.step()
    return true
  }

  get #depth(): number {
    return this.#parts.directories.depth + 1
  }

  /** Makes the entry that was added last, in the place of an old one. */
  #put(old: Head | undefined): void {
    const { catalog, position } = this.#parts
    position.catchUp()
    const replaces = old ? catalog.old.consume(old, false) : 0
    this.#parts.ops.put(ops.other, 0, replaces, catalog.added.portable)
    this.counts.filesSent++
  }

  #keep(): void {
    this.#parts.catalog.keep()
    this.#parts.ops.keep(1)
  }
}
