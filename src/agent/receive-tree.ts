import { removeCatalog } from './catalog.ts'
import { CatalogReader } from './catalog-reader.ts'
import { CatalogWriter } from './catalog-writer.ts'
import { DirectoryStack } from './directory-stack.ts'
import { digestBytes } from './entry.ts'
import { AgentError, locate } from './errors.ts'
import { OpsReader, ops } from './ops.ts'
import { EntryReceiver } from './receive-entry.ts'
import { applyTimes } from './receive-meta.ts'
import { emptyDirectory } from './remove.ts'

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
  readonly #entries: EntryReceiver
  /** Times to set on the way up, one for each directory from the root down. */
  readonly #modified: Buffer[] = []

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
    this.#entries = new EntryReceiver({
      id: options.id,
      directories: this.#directories,
      old: this.#old,
      catalog: this.#catalog,
      checksBlocks: options.checksBlocks,
    })
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
      const path = this.#directories.path(this.#entries.name)
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
    this.#entries.file.close()
    this.#directories.close()
  }

  #applyOne(reader: OpsReader): string | undefined {
    const op = reader.u8()
    const apply = this.#operations[op]
    if (apply) apply(reader)
    else if (op === ops.treeEnd) return reader.bytes(32).toString('hex')
    else throw new AgentError('protocol', `an unknown operation ${op}`)
    return undefined
  }

  readonly #operations: Readonly<Record<number, (reader: OpsReader) => void>> = {
    [ops.keep]: (reader) => this.#keep(reader.u32()),
    [ops.enter]: (reader) => this.#enter(reader.name(), Buffer.from(reader.bytes(12))),
    [ops.leave]: () => this.#leave(),
    [ops.directory]: (reader) => this.#modified.push(this.#entries.directory(reader)),
    [ops.file]: (reader) => this.#entries.beginFile(reader),
    [ops.data]: (reader) => this.#data(reader),
    [ops.hole]: (reader) => this.#entries.file.hole(reader.u32()),
    [ops.same]: (reader) => this.#entries.file.same(reader.u32()),
    [ops.fileEnd]: () => this.#entries.endFile(),
    [ops.other]: (reader) => this.#entries.other(reader),
    [ops.remove]: (reader) => this.#entries.remove(reader.u32(), reader.name()),
  }

  #data(reader: OpsReader): void {
    const [count, length] = [reader.u32(), reader.u32()]
    this.#entries.file.data(count, reader.bytes(count * digestBytes), reader.bytes(length))
  }

  #keep(count: number): void {
    if (!this.#old) throw new AgentError('protocol', 'an entry is said to be unchanged that never came')
    for (let index = 0; index < count; index++) this.#old.copyTo(this.#catalog)
  }

  #enter(name: string, modified: Buffer): void {
    if (this.#modified.length > 0) {
      this.#entries.checkName(name)
      this.#entries.into(name)
    }
    this.#modified.push(modified)
  }

  #leave(): void {
    this.#entries.name = ''
    const modified = this.#modified.pop()
    if (!modified) throw new AgentError('protocol', 'more directories are left than were entered')
    applyTimes({ descriptor: this.#directories.current }, modified)
    if (this.#modified.length > 0) this.#directories.leave()
  }
}
