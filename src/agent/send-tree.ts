import { type AttributeOwner, readAttributes, unopened } from './attributes.ts'
import { CatalogWriter } from './catalog-writer.ts'
import { DirectoryStack } from './directory-stack.ts'
import { blockShiftFor, type Head, HeadBuilder, localFlags } from './entry.ts'
import { AgentError, locate } from './errors.ts'
import { openFile } from './file-reader.ts'
import { displayName } from './names.ts'
import { OldEntries } from './old-entries.ts'
import { type OpsWriter, opFlags, ops } from './ops.ts'
import { FileSender } from './send-file.ts'
import { type EntryType, matchesLocalStat, Stat, types } from './stat.ts'
import { cName, lastErrno, SystemCallError, system } from './system.ts'

/** How one tree is sent. */
export interface SendTreeOptions {
  id: string
  path: string
  catalogPath: string
  /** The round before, whose catalog is the same on the target; undefined when everything is sent. */
  base: { isTrusted: boolean } | undefined
  isFinal: boolean
  /** When the scan began, before dirty pages were written back (milliseconds since 1970). */
  startedAt: number
}

/** What a tree holds and what was sent of it. */
export interface TreeCounts {
  files: number
  directories: number
  totalBytes: number
  allocatedBytes: number
  filesSent: number
  deleted: number
  skippedAttributes: number
}

interface Frame {
  name: string
  depth: number
  names: string[]
  index: number
  /** Whether the target has been sent into this directory. */
  isEntered: boolean
  modified: Buffer
  /** Kept in the final round, to see that nothing changes any more. */
  before: Stat | undefined
}

/** A file that has several names: the first of them in walk order, and whether the target made it anew. */
interface Primary {
  path: string
  isNew: boolean
}

/** How much older than the scan a change must be to be told from a later one: clocks tick, and some file systems keep seconds. */
const clockMargin = 1

const linkBuffer = Buffer.alloc(65_536)

/** Walks a tree beside the catalog of the round before, writes the new catalog and the operations for the target. */
export class TreeSender {
  readonly counts: TreeCounts = {
    files: 0,
    directories: 0,
    totalBytes: 0,
    allocatedBytes: 0,
    filesSent: 0,
    deleted: 0,
    skippedAttributes: 0,
  }
  scanned = 0

  readonly #options: SendTreeOptions
  readonly #ops: OpsWriter
  readonly #directories: DirectoryStack
  readonly #old: OldEntries
  readonly #catalog: CatalogWriter
  readonly #file: FileSender
  readonly #builder = new HeadBuilder()
  readonly #stat = new Stat()
  readonly #opened = new Stat()
  readonly #frames: Frame[] = []
  readonly #primaries = new Map<string, Primary>()
  readonly #racyFrom: number
  #hasLeftOut = false
  #fileName = ''
  #filePosition = 0

  constructor(options: SendTreeOptions, writer: OpsWriter) {
    this.#options = options
    this.#ops = writer
    this.#racyFrom = options.startedAt / 1000 - clockMargin
    try {
      this.#directories = new DirectoryStack(options.path)
    } catch (error) {
      throw locate(error, 'read', options.id, '')
    }
    this.#old = new OldEntries(options.base ? options.catalogPath : undefined)
    this.#catalog = new CatalogWriter(options.catalogPath)
    this.#file = new FileSender(writer, this.#catalog)
  }

  get root(): number {
    return this.#directories.root
  }

  /** Does a little: one entry, or one chunk of a large file. False once the tree is complete. */
  step(): boolean {
    try {
      if (this.#file.isBusy) this.#stepFile()
      else if (this.scanned === 0) this.#pushDirectory('', this.#old.at(0))
      else {
        const frame = this.#frames.at(-1)
        if (!frame) return false
        this.#stepFrame(frame)
      }
      return true
    } catch (error) {
      throw locate(error, 'read', this.#options.id, this.#directories.path(this.#fileName))
    }
  }

  /** Ends the tree: the new catalog takes the place of the old one. Returns the tree's digest. */
  finish(isTrusted: boolean): string {
    this.#directories.close()
    this.#old.close()
    return this.#catalog.finish(isTrusted)
  }

  /** Gives up, and keeps the old catalog. */
  discard(): void {
    this.#file.close()
    this.#directories.close()
    this.#old.close()
    this.#catalog.discard()
  }

  #stepFrame(frame: Frame): void {
    const name = frame.names[frame.index]
    let old = this.#old.at(frame.depth + 1)
    while (old && (name === undefined || old.name < name)) {
      this.#remove(old)
      old = this.#old.at(frame.depth + 1)
    }
    if (name === undefined) {
      this.#leave(frame)
      return
    }
    frame.index++
    this.#fileName = name
    this.#visit(name, old?.name === name ? old : undefined)
    if (!this.#file.isBusy) this.#fileName = ''
  }

  #visit(name: string, old: Head | undefined): void {
    const stat = this.#stat
    if (!stat.read(this.#directories.current, cName(name))) {
      if (lastErrno() !== 'ENOENT') throw new SystemCallError('statx', lastErrno())
      this.#vanished(old)
    } else if (stat.type === types.directory) this.#pushDirectory(name, old)
    else {
      this.scanned++
      this.counts.files++
      const known = stat.nlink > 1 ? this.#primaries.get(stat.identity) : undefined
      if (known) this.#link(name, old, known)
      else this.#first(name, old)
    }
  }

  /** A file of any kind, under the first of its names. */
  #first(name: string, old: Head | undefined): void {
    const { type, identity } = this.#stat
    if (type === undefined) throw new Error('a file of an unknown type')
    let primary: Primary | undefined
    if (this.#stat.nlink > 1) {
      primary = { path: this.#directories.path(name).replaceAll('/', '\0'), isNew: false }
      this.#primaries.set(identity, primary)
    }
    const isThere =
      type === types.file ? this.#beginFile(name, old, primary) : this.#other(type, name, old, primary)
    if (isThere) this.counts.allocatedBytes += this.#stat.allocated
    else this.#primaries.delete(identity)
  }

  #pushDirectory(name: string, old: Head | undefined): void {
    if (name !== '' && !this.#directories.enter(name)) {
      this.#vanished(old)
      return
    }
    this.#fileName = ''
    this.scanned++
    this.counts.directories++
    const stat = this.#stat.readDescriptor(this.#directories.current)
    const depth = this.#directories.depth
    const isOldDirectory = old?.type === types.directory
    let isKept = false
    if (old && isOldDirectory && this.#isUnchanged(old)) {
      this.#catalog.head(old.buffer, old.start, old.end)
      if (old.hasAttributeLeftOut) this.counts.skippedAttributes++
      isKept = true
    } else {
      const attributes = this.#attributes({ descriptor: this.#directories.current })
      this.#addHead(this.#builder.build(types.directory, depth, name, { stat, attributes }), stat)
      isKept = isOldDirectory && old.isSamePortable(this.#builder.portable)
    }
    const frame: Frame = {
      name,
      depth,
      names: [],
      index: 0,
      isEntered: !isKept,
      modified: Buffer.from(stat.bytes.subarray(0x70, 0x7c)),
      before: this.#options.isFinal ? new Stat() : undefined,
    }
    frame.before?.readDescriptor(this.#directories.current)
    if (isKept) {
      this.#ops.keep(1)
      this.#old.next()
    } else {
      this.#enterAll()
      const replaces = old ? this.#old.consume(old, isOldDirectory) : 0
      this.#ops.put(ops.directory, isOldDirectory ? opFlags.inPlace : 0, replaces, this.#builder.portable)
    }
    frame.names = this.#directories.names()
    this.#frames.push(frame)
  }

  #leave(frame: Frame): void {
    if (frame.before && !this.#opened.readDescriptor(this.#directories.current).isSameAs(frame.before)) {
      this.#changedWhileStopped()
    }
    if (frame.isEntered) this.#ops.leave()
    this.#frames.pop()
    if (this.#frames.length > 0) this.#directories.leave()
  }

  /** A further name of something met before. */
  #link(name: string, old: Head | undefined, primary: Primary): void {
    if (old?.type === types.link && old.primary === primary.path && !primary.isNew) {
      this.#keep()
      return
    }
    const head = this.#builder.buildLink(this.#directories.depth + 1, name, primary.path)
    this.#catalog.head(head, 0, head.length)
    this.#put(old)
  }

  /** Symlinks, devices, FIFOs and sockets. False when it has vanished. */
  #other(type: EntryType, name: string, old: Head | undefined, primary: Primary | undefined): boolean {
    if (old && this.#isUnchanged(old)) {
      this.#keep()
      return true
    }
    const directory = this.#directories.current
    let target: string | undefined
    if (type === types.symlink) {
      const length = system.readlinkat(directory, cName(name), linkBuffer, linkBuffer.length)
      if (length < 0) return this.#vanishedAt(old)
      target = linkBuffer.toString('latin1', 0, length)
    }
    const attributes = this.#attributes(unopened(directory, name))
    const meta = { stat: this.#stat, attributes, ...(target === undefined ? {} : { target }) }
    this.#addHead(this.#builder.build(type, this.#directories.depth + 1, name, meta), this.#stat)
    if (old?.isSamePortable(this.#builder.portable)) {
      this.#ops.keep(1)
      this.#old.next()
    } else {
      if (primary) primary.isNew = true
      this.#put(old)
    }
    return true
  }

  #put(old: Head | undefined): void {
    this.#enterAll()
    this.#ops.put(ops.other, 0, old ? this.#old.consume(old, false) : 0, this.#builder.portable)
    this.counts.filesSent++
  }

  /** False when the file has vanished. */
  #beginFile(name: string, old: Head | undefined, primary: Primary | undefined): boolean {
    if (old && this.#isUnchanged(old)) {
      this.counts.totalBytes += old.size
      this.#keep()
      return true
    }
    const descriptor = openFile(this.#directories.current, name)
    if (descriptor < 0) return this.#vanishedAt(old)
    this.#opened.readDescriptor(descriptor)
    if (this.#opened.type !== types.file || this.#opened.identity !== this.#stat.identity) {
      system.close(descriptor)
      return this.#vanishedAt(old)
    }
    const wasFile = old?.type === types.file
    const stat = this.#opened
    const shift = wasFile ? old.blockShift : blockShiftFor(stat.size)
    const attributes = this.#attributes({ descriptor })
    const depth = this.#directories.depth + 1
    this.#filePosition = this.#addHead(
      this.#builder.build(types.file, depth, name, { stat, attributes, blockShift: shift }),
      stat,
    )
    if (primary) primary.isNew = !wasFile
    this.counts.totalBytes += stat.size
    this.#file.begin({
      descriptor,
      stat,
      head: this.#builder,
      shift,
      old: wasFile ? this.#old.reader : undefined,
      isSameHead: wasFile && old.isSamePortable(this.#builder.portable),
      replaces: old ? (wasFile ? 1 : this.#old.consume(old, false)) : 0,
      beforeFirst: this.#enterAll,
    })
    this.#stepFile()
    return true
  }

  #stepFile(): void {
    const outcome = this.#file.step()
    if (!outcome) return
    if (outcome.isSent) this.counts.filesSent++
    if (outcome.hasChanged) {
      if (this.#options.isFinal) this.#changedWhileStopped()
      this.#catalog.markRacy(this.#filePosition)
    }
    this.#fileName = ''
  }

  #isUnchanged(old: Head): boolean {
    const isFile = old.type === types.file
    return (
      old.type === this.#stat.type &&
      !old.isRacy &&
      (!isFile || this.#options.base?.isTrusted === true) &&
      matchesLocalStat(this.#stat, old.buffer, old.start + 1)
    )
  }

  /** Adds a head to the new catalog, racy when a later change could look the same. Returns its position. */
  #addHead(head: Buffer, stat: Stat): number {
    if (this.#hasLeftOut) {
      head[0] = localFlags.attributeLeftOut
      this.counts.skippedAttributes++
    }
    const position = this.#catalog.head(head, 0, head.length)
    if (stat.changedSeconds + stat.changedNanoseconds / 1e9 >= this.#racyFrom)
      this.#catalog.markRacy(position)
    return position
  }

  #attributes(owner: AttributeOwner): Buffer {
    this.#hasLeftOut = false
    return readAttributes(owner, () => {
      this.#hasLeftOut = true
    })
  }

  #keep(): void {
    if (this.#old.reader?.peek()?.hasAttributeLeftOut) this.counts.skippedAttributes++
    this.#old.copyTo(this.#catalog)
    this.#ops.keep(1)
  }

  #remove(old: Head): void {
    const name = old.name
    this.#enterAll()
    const count = this.#old.consume(old, false)
    this.counts.deleted += count
    this.#ops.remove(name, count)
  }

  #vanished(old: Head | undefined): void {
    if (this.#options.isFinal) this.#changedWhileStopped()
    if (old) this.#remove(old)
  }

  #vanishedAt(old: Head | undefined): false {
    this.counts.files--
    this.#vanished(old)
    return false
  }

  /** Sends the target into every directory down to the current one, where it is not there yet. */
  readonly #enterAll = (): void => {
    let first = this.#frames.length
    while (first > 0 && !this.#frames[first - 1]?.isEntered) first--
    for (const frame of this.#frames.slice(first)) {
      frame.isEntered = true
      this.#ops.enter(frame.name, frame.modified)
    }
  }

  #changedWhileStopped(): never {
    const path = displayName(this.#directories.path(this.#fileName)) || '/'
    throw new AgentError(
      'changed-while-stopped',
      `${this.#options.id}: ${path} changed while its container was stopped`,
      {
        data: { tree: this.#options.id, path },
        suggestions: ['Find out what else writes there, such as another container, and stop it first.'],
      },
    )
  }
}
