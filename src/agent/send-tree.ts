import { DirectoryStack } from './directory-stack.ts'
import type { Head } from './entry.ts'
import { changedWhileStopped, locate } from './errors.ts'
import { types } from './file-types.ts'
import { type OpsWriter, opFlags, ops } from './ops.ts'
import type { SendCatalog } from './send-catalog.ts'
import { EntrySender } from './send-entry.ts'
import type { FileHandler } from './send-file.ts'
import { Stat } from './stat.ts'
import { cName, lastErrno, SystemCallError } from './system.ts'
import { TargetPosition } from './target-position.ts'

/** How one tree is sent. */
export interface SendTreeOptions {
  id: string
  path: string
  isFinal: boolean
  catalog: SendCatalog
  /** What is done with the content of files. */
  files: FileHandler
  /** Files are read from the disk, not from memory. */
  fromDisk?: boolean
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
  depth: number
  names: string[]
  index: number
  /** Kept in the final round, to see that nothing changes any more. */
  before: Stat | undefined
}

/** Walks a tree beside the catalog of the round before, writes the new catalog and the operations for the target. */
export class TreeSender {
  scanned = 0

  readonly #options: SendTreeOptions
  readonly #ops: OpsWriter
  readonly #directories: DirectoryStack
  readonly #catalog: SendCatalog
  readonly #position: TargetPosition
  readonly #entries: EntrySender
  readonly #stat = new Stat()
  readonly #after = new Stat()
  readonly #frames: Frame[] = []
  #directoryCount = 0
  #name = ''

  constructor(options: SendTreeOptions, writer: OpsWriter) {
    this.#options = options
    this.#ops = writer
    try {
      this.#directories = new DirectoryStack(options.path)
    } catch (error) {
      options.catalog.discard()
      throw locate(error, 'read', options.id, '')
    }
    this.#catalog = options.catalog
    this.#position = new TargetPosition(writer)
    this.#entries = new EntrySender({
      id: options.id,
      isFinal: options.isFinal,
      fromDisk: options.fromDisk === true,
      ops: writer,
      directories: this.#directories,
      catalog: this.#catalog,
      position: this.#position,
      files: options.files,
    })
  }

  get root(): number {
    return this.#directories.root
  }

  get counts(): TreeCounts {
    const { skippedAttributes } = this.#catalog
    return { ...this.#entries.counts, directories: this.#directoryCount, skippedAttributes }
  }

  /** Does a little: one entry, or one chunk of a large file. False once the tree is complete. */
  step(): boolean {
    try {
      if (this.#entries.isBusy) this.#entries.step()
      else if (this.scanned === 0) this.#pushDirectory('', this.#catalog.old.at(0))
      else {
        const frame = this.#frames.at(-1)
        if (!frame) return false
        this.#stepFrame(frame)
      }
      if (!this.#entries.isBusy) this.#name = ''
      return true
    } catch (error) {
      throw locate(error, 'read', this.#options.id, this.#directories.path(this.#name))
    }
  }

  /** Ends the tree: the new catalog takes the place of the old one. Returns the tree's digest. */
  finish(isTrusted: boolean): string {
    this.#directories.close()
    return this.#catalog.finish(isTrusted)
  }

  /** Gives up, and keeps the old catalog. */
  discard(): void {
    this.#entries.close()
    this.#directories.close()
    this.#catalog.discard()
  }

  #stepFrame(frame: Frame): void {
    const name = frame.names[frame.index]
    let old = this.#catalog.old.at(frame.depth + 1)
    while (old && (name === undefined || old.name < name)) {
      this.#entries.remove(old)
      old = this.#catalog.old.at(frame.depth + 1)
    }
    if (name === undefined) {
      this.#leave(frame)
      return
    }
    frame.index++
    this.#name = name
    this.#visit(name, old?.name === name ? old : undefined)
  }

  #visit(name: string, old: Head | undefined): void {
    const stat = this.#stat
    if (!stat.read(this.#directories.current, cName(name))) {
      if (lastErrno() !== 'ENOENT') throw new SystemCallError('statx', lastErrno())
      this.#entries.vanished(name, old)
    } else if (stat.type === types.directory) this.#pushDirectory(name, old)
    else {
      this.scanned++
      this.#entries.send(name, stat, old)
    }
  }

  #pushDirectory(name: string, old: Head | undefined): void {
    if (name !== '' && !this.#directories.enter(name)) {
      this.#entries.vanished(name, old)
      return
    }
    this.#name = ''
    this.scanned++
    this.#directoryCount++
    const stat = this.#stat.readDescriptor(this.#directories.current)
    const before = this.#options.isFinal ? new Stat().readDescriptor(this.#directories.current) : undefined
    const modified = Buffer.from(stat.bytes.subarray(0x70, 0x7c))
    this.#position.push(name, modified, this.#sendDirectory(name, stat, old))
    this.#frames.push({
      depth: this.#directories.depth,
      names: this.#directories.names(),
      index: 0,
      before,
    })
  }

  /** Whether the directory itself was sent, which takes the target into it. */
  #sendDirectory(name: string, stat: Stat, old: Head | undefined): boolean {
    const catalog = this.#catalog
    const isInPlace = old?.type === types.directory
    if (isInPlace && catalog.isUnchanged(old, stat)) {
      catalog.keep()
      this.#ops.keep(1)
      return false
    }
    const { current, depth } = this.#directories
    catalog.add(types.directory, depth, name, { descriptor: current }, { stat })
    if (isInPlace && old.isSamePortable(catalog.added.portable)) {
      this.#ops.keep(1)
      catalog.old.next()
      return false
    }
    this.#position.catchUp()
    const replaces = old ? catalog.old.consume(old, isInPlace) : 0
    this.#ops.put(ops.directory, isInPlace ? opFlags.inPlace : 0, replaces, catalog.added.portable)
    return true
  }

  #leave({ before }: Frame): void {
    if (before && !this.#after.readDescriptor(this.#directories.current).isSameAs(before)) {
      throw changedWhileStopped(this.#options.id, this.#directories.path())
    }
    this.#position.pop()
    this.#frames.pop()
    if (this.#frames.length > 0) this.#directories.leave()
  }
}
