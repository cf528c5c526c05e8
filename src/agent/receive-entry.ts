import { unopened } from './attributes.ts'
import type { CatalogReader } from './catalog-reader.ts'
import type { CatalogWriter } from './catalog-writer.ts'
import type { DirectoryStack } from './directory-stack.ts'
import { Head, HeadBuilder, portableStart } from './entry.ts'
import { AgentError, changedOnTarget } from './errors.ts'
import { readLink } from './file-reader.ts'
import { types } from './file-types.ts'
import { makeEntry, makeLink } from './make-entry.ts'
import { isSafeName } from './names.ts'
import { type OpsReader, opFlags } from './ops.ts'
import { FileReceiver } from './receive-file.ts'
import { applyMeta, applyTimes, finishFile, type MetaTarget, readBack } from './receive-meta.ts'
import { removeName } from './remove.ts'
import { check, cName, failure, flags, system } from './system.ts'

/** What the receiving of entries works on; the walk shares it. */
export interface ReceiveTreeParts {
  id: string
  directories: DirectoryStack
  /** Standing at the entry that is replaced or kept next. */
  old: CatalogReader | undefined
  catalog: CatalogWriter
  checksBlocks: boolean
}

/** Makes one entry after the other in the current directory, and reads back what is there then. */
export class EntryReceiver {
  /** The name that an error is about. */
  name = ''
  /** The file whose blocks are on their way. */
  readonly file: FileReceiver

  readonly #parts: ReceiveTreeParts
  readonly #builder = new HeadBuilder()
  readonly #head = new Head()
  readonly #fileHead = new Head()
  /** The head of the file at hand, with an empty local part before it. */
  #fileBytes = Buffer.alloc(8192)

  constructor(parts: ReceiveTreeParts) {
    this.#parts = parts
    this.file = new FileReceiver(parts.catalog, parts.old, parts.checksBlocks)
  }

  /** Passes over entries of the old catalog that are replaced. */
  consume(count: number): void {
    for (let index = 0; index < count; index++) this.#parts.old?.next()
  }

  /** Throws when a name could lead out of its directory. */
  checkName(name: string): void {
    if (!isSafeName(name))
      throw new AgentError('protocol', `a name that no file can have: ${JSON.stringify(name)}`)
    this.name = name
  }

  /** Goes into a directory that must be there. */
  into(name: string): void {
    if (!this.#parts.directories.enter(name)) throw this.#changed(name)
  }

  /** Makes or changes a directory and goes into it. Returns the time of modification to set in the end. */
  directory(reader: OpsReader): Buffer {
    const { directories } = this.#parts
    const head = this.#head
    const { flag, replaces } = this.#readPut(reader, head)
    if (head.depth > 0) {
      const parent = directories.current
      if (!(flag & opFlags.inPlace)) {
        if (replaces > 0) removeName(parent, head.name)
        check('mkdirat', system.mkdirat(parent, cName(head.name), head.mode))
      }
      this.into(head.name)
    }
    this.consume(replaces)
    const target = { descriptor: directories.current }
    const hasAttributes = applyMeta(target, head)
    this.#add(readBack(this.#builder, target, head, hasAttributes))
    return Buffer.from(head.modified)
  }

  /** Opens a file, whose blocks follow. */
  beginFile(reader: OpsReader): void {
    const { flag, replaces } = this.#readPut(reader, this.#head)
    const head = this.#keepHead(this.#head)
    const directory = this.#parts.directories.current
    const isInPlace = (flag & opFlags.inPlace) !== 0
    if (!isInPlace && replaces > 0) removeName(directory, head.name)
    if (!isInPlace) this.consume(replaces)
    const mode = isInPlace ? flags.write : flags.create
    const descriptor = system.openat(directory, cName(head.name), mode, head.mode & 0o777)
    if (descriptor < 0) {
      const error = failure('openat')
      throw isInPlace && ['ENOENT', 'ELOOP', 'EISDIR'].includes(error.errno)
        ? this.#changed(head.name)
        : error
    }
    if (isInPlace) this.#parts.old?.peek()
    this.#parts.catalog.head(head.buffer, head.start, head.end)
    this.file.begin({ descriptor, head, isInPlace, isSparse: (flag & opFlags.sparse) !== 0 })
  }

  /** Every block of a file has come: sets all that is said about it. */
  endFile(): void {
    const { descriptor, head, isInPlace } = this.file.end()
    try {
      finishFile(this.#builder, descriptor, head, !isInPlace)
    } finally {
      system.close(descriptor)
    }
    if (isInPlace) this.#parts.old?.next()
  }

  /** Makes a symlink, further link, device, FIFO or socket. */
  other(reader: OpsReader): void {
    const head = this.#head
    const { replaces } = this.#readPut(reader, head)
    const directory = this.#parts.directories.current
    if (replaces > 0) removeName(directory, head.name)
    this.consume(replaces)
    if (head.type === types.link) {
      this.#link(head)
      return
    }
    makeEntry(directory, head)
    const target: MetaTarget = { directory, name: head.name, owner: unopened(directory, head.name) }
    const hasAttributes = applyMeta(target, head)
    applyTimes(target, head.modified)
    const linkTarget = head.type === types.symlink ? readLink(directory, head.name) : undefined
    this.#add(readBack(this.#builder, target, head, hasAttributes, linkTarget))
  }

  /** Removes a name with all beneath it, which is so many entries of the old catalog. */
  remove(count: number, name: string): void {
    this.checkName(name)
    removeName(this.#parts.directories.current, name)
    this.consume(count)
  }

  #link(head: Head): void {
    const { directories } = this.#parts
    const components = head.primary.split('\0')
    components.forEach((component) => {
      this.checkName(component)
    })
    this.name = head.name
    makeLink(directories.root, directories.current, components, head.name)
    this.#add(this.#builder.buildLink(head.depth, head.name, head.primary))
  }

  /** Reads flags, what is replaced, and a head. */
  #readPut(reader: OpsReader, head: Head): { flag: number; replaces: number } {
    const flag = reader.u8()
    const replaces = reader.u32()
    const portable = reader.bytes(reader.u32())
    // A head is read with its local part in front of it, which the wire does not carry: its place is never looked at.
    head.set(portable, -portableStart, portable.length)
    if (head.depth > 0) this.checkName(head.name)
    return { flag, replaces }
  }

  /** Keeps a file's head: the batch that it came in is used again while a large file is still on its way. */
  #keepHead(head: Head): Head {
    const end = portableStart + head.buffer.length
    if (this.#fileBytes.length < end) this.#fileBytes = Buffer.alloc(end * 2)
    head.buffer.copy(this.#fileBytes, portableStart)
    return this.#fileHead.set(this.#fileBytes, 0, end)
  }

  #changed(name: string): AgentError {
    return changedOnTarget(this.#parts.id, this.#parts.directories.path(name))
  }

  #add(head: Buffer): void {
    this.#parts.catalog.head(head, 0, head.length)
  }
}
