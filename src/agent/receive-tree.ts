import { unopened } from './attributes.ts'
import { removeCatalog } from './catalog.ts'
import { CatalogReader, copyEntry } from './catalog-reader.ts'
import { CatalogWriter } from './catalog-writer.ts'
import { DirectoryStack } from './directory-stack.ts'
import { Head, HeadBuilder, portableStart } from './entry.ts'
import { AgentError, changedOnTarget, locate } from './errors.ts'
import { makeEntry, makeLink, readLink } from './make-entry.ts'
import { isSafeName } from './names.ts'
import { OpsReader, opFlags, ops } from './ops.ts'
import { FileReceiver } from './receive-file.ts'
import { applyMeta, applyTimes, type MetaTarget, readBack } from './receive-meta.ts'
import { emptyDirectory, removeName } from './remove.ts'
import { types } from './stat.ts'
import { check, cName, failure, flags, system } from './system.ts'

/** How one tree is received. */
export interface ReceiveTreeOptions {
  id: string
  path: string
  catalogPath: string
  /** Whether the tree is as this engine's catalog says; otherwise everything in it is removed first. */
  hasBase: boolean
  /** Whether each block is compared with the digest that came with it; what has been checked already need not be. */
  checksBlocks: boolean
}

/** Applies the source's operations to a tree and writes a catalog of what is there then. */
export class TreeReceiver {
  readonly #options: ReceiveTreeOptions
  readonly #directories: DirectoryStack
  readonly #old: CatalogReader | undefined
  readonly #catalog: CatalogWriter
  readonly #file: FileReceiver
  readonly #builder = new HeadBuilder()
  readonly #head = new Head()
  readonly #fileHead = new Head()
  /** Times to set on the way up, one for each directory from the root down. */
  readonly #modified: Buffer[] = []
  #name = ''

  /** Takes the old catalog away: until the round is complete nothing is known for certain about the tree. */
  constructor(options: ReceiveTreeOptions) {
    this.#options = options
    try {
      if (!options.hasBase) emptyDirectory(options.path)
      this.#directories = new DirectoryStack(options.path)
    } catch (error) {
      throw locate(error, 'write', options.id, '')
    }
    this.#old = options.hasBase ? new CatalogReader(options.catalogPath) : undefined
    removeCatalog(options.catalogPath)
    this.#catalog = new CatalogWriter(options.catalogPath)
    this.#file = new FileReceiver(this.#catalog, this.#old, options.checksBlocks)
  }

  get root(): number {
    return this.#directories.root
  }

  /** Applies one batch. Returns the source's digest once the tree is complete. */
  apply(batch: Buffer): string | undefined {
    const reader = new OpsReader(batch)
    let digest: string | undefined
    try {
      while (!reader.isAtEnd) digest = this.#applyOne(reader)
    } catch (error) {
      const path = this.#directories.path(this.#name)
      if (error instanceof RangeError) throw new AgentError('protocol', `a damaged batch: ${error.message}`)
      throw locate(error, 'write', this.#options.id, path)
    }
    return digest
  }

  /** Ends the tree. Returns the digest of what is there. */
  finish(): string {
    const digest = this.#catalog.finish(true)
    this.#old?.close()
    return digest
  }

  /** Gives up. What is known about the tree is lost, so the next round begins afresh. */
  discard(): void {
    this.#catalog.discard()
    this.#old?.close()
    this.close()
  }

  /** Closes what is open in the tree. */
  close(): void {
    this.#file.close()
    this.#directories.close()
  }

  #applyOne(reader: OpsReader): string | undefined {
    const op = reader.u8()
    switch (op) {
      case ops.keep:
        return this.#keep(reader.u32())
      case ops.enter:
        return this.#enter(reader.name(), Buffer.from(reader.bytes(12)))
      case ops.leave:
        return this.#leave()
      case ops.directory:
        return this.#directory(reader)
      case ops.file:
        return this.#beginFile(reader)
      case ops.data: {
        const [count, length] = [reader.u32(), reader.u32()]
        return this.#file.data(count, reader.bytes(count * 16), reader.bytes(length)) as undefined
      }
      case ops.hole:
        return this.#file.hole(reader.u32()) as undefined
      case ops.same:
        return this.#file.same(reader.u32()) as undefined
      case ops.fileEnd:
        return this.#endFile()
      case ops.other:
        return this.#other(reader)
      case ops.remove:
        return this.#remove(reader.u32(), reader.name())
      case ops.treeEnd:
        return reader.bytes(32).toString('hex')
      default:
        throw new AgentError('protocol', `an unknown operation ${op}`)
    }
  }

  #keep(count: number): undefined {
    if (!this.#old) throw new AgentError('protocol', 'an entry is said to be unchanged that never came')
    for (let index = 0; index < count; index++) copyEntry(this.#old, this.#catalog)
  }

  #consume(count: number): void {
    for (let index = 0; index < count; index++) this.#old?.next()
  }

  #enter(name: string, modified: Buffer): undefined {
    if (this.#modified.length > 0) {
      this.#checkName(name)
      this.#into(name)
    }
    this.#modified.push(modified)
  }

  #into(name: string): void {
    if (!this.#directories.enter(name)) throw this.#changed(name)
  }

  #changed(name: string): AgentError {
    return changedOnTarget(this.#options.id, this.#directories.path(name))
  }

  #leave(): undefined {
    this.#name = ''
    const modified = this.#modified.pop()
    if (!modified) throw new AgentError('protocol', 'more directories are left than were entered')
    applyTimes({ descriptor: this.#directories.current }, modified)
    if (this.#modified.length > 0) this.#directories.leave()
  }

  /** Reads flags, what is replaced, and a head. */
  #readPut(reader: OpsReader, head: Head): { flag: number; replaces: number } {
    const flag = reader.u8()
    const replaces = reader.u32()
    const portable = reader.bytes(reader.u32())
    // A head is read with its local part in front of it, which the wire does not carry: its place is never looked at.
    head.set(portable, -portableStart, portable.length)
    if (head.depth > 0) this.#checkName(head.name)
    return { flag, replaces }
  }

  #checkName(name: string): void {
    if (!isSafeName(name))
      throw new AgentError('protocol', `a name that no file can have: ${JSON.stringify(name)}`)
    this.#name = name
  }

  #directory(reader: OpsReader): undefined {
    const head = this.#head
    const { flag, replaces } = this.#readPut(reader, head)
    if (head.depth > 0) {
      const parent = this.#directories.current
      if (!(flag & opFlags.inPlace)) {
        if (replaces > 0) removeName(parent, head.name)
        check('mkdirat', system.mkdirat(parent, cName(head.name), head.mode))
      }
      this.#into(head.name)
    }
    this.#consume(replaces)
    const target = { descriptor: this.#directories.current }
    const hasAttributes = applyMeta(target, head)
    this.#addBuilt(readBack(this.#builder, target, head, hasAttributes))
    this.#modified.push(Buffer.from(head.modified))
  }

  #beginFile(reader: OpsReader): undefined {
    const { flag, replaces } = this.#readPut(reader, this.#head)
    // The batch is used again while a large file is still on its way: keep the head's bytes.
    const copy = Buffer.from(this.#head.buffer)
    const head = this.#fileHead.set(copy, -portableStart, copy.length)
    const directory = this.#directories.current
    const isInPlace = (flag & opFlags.inPlace) !== 0
    if (!isInPlace && replaces > 0) removeName(directory, head.name)
    if (!isInPlace) this.#consume(replaces)
    const mode = isInPlace ? flags.write : flags.create
    const descriptor = system.openat(directory, cName(head.name), mode, head.mode & 0o777)
    if (descriptor < 0) {
      const error = failure('openat')
      throw isInPlace && ['ENOENT', 'ELOOP', 'EISDIR'].includes(error.errno)
        ? this.#changed(head.name)
        : error
    }
    if (isInPlace) this.#old?.peek()
    this.#catalog.head(withLocalPart(copy), 0, copy.length + portableStart)
    this.#file.begin({ descriptor, head, isInPlace, isSparse: (flag & opFlags.sparse) !== 0 })
  }

  #endFile(): undefined {
    const { descriptor, head, isInPlace } = this.#file.end()
    try {
      const target = { descriptor }
      const hasAttributes = applyMeta(target, head)
      applyTimes(target, head.modified)
      readBack(this.#builder, target, head, hasAttributes)
    } finally {
      system.close(descriptor)
    }
    if (isInPlace) this.#old?.next()
  }

  #other(reader: OpsReader): undefined {
    const head = this.#head
    const { replaces } = this.#readPut(reader, head)
    const directory = this.#directories.current
    if (replaces > 0) removeName(directory, head.name)
    this.#consume(replaces)
    if (head.type === types.link) return this.#link(head)
    makeEntry(directory, head)
    const target: MetaTarget = { directory, name: head.name, owner: unopened(directory, head.name) }
    const hasAttributes = applyMeta(target, head)
    applyTimes(target, head.modified)
    const linkTarget = head.type === types.symlink ? readLink(directory, head.name) : undefined
    this.#addBuilt(readBack(this.#builder, target, head, hasAttributes, linkTarget))
  }

  #link(head: Head): undefined {
    const components = head.primary.split('\0')
    components.forEach((component) => {
      this.#checkName(component)
    })
    this.#name = head.name
    makeLink(this.#directories.root, this.#directories.current, components, head.name)
    this.#addBuilt(this.#builder.buildLink(head.depth, head.name, head.primary))
  }

  #remove(count: number, name: string): undefined {
    this.#checkName(name)
    removeName(this.#directories.current, name)
    this.#consume(count)
  }

  #addBuilt(head: Buffer): void {
    this.#catalog.head(head, 0, head.length)
  }
}

/** A portable head with an empty local part before it. */
function withLocalPart(portable: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(portableStart), portable])
}
