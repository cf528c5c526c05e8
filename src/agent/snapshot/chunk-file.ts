import { hash } from 'node:crypto'
import type { CatalogWriter } from '../catalog-writer.ts'
import { FileReader } from '../file-reader.ts'
import type { OldEntries } from '../old-entries.ts'
import type { FileHandler, FileJob } from '../send-file.ts'
import { Stat } from '../stat.ts'
import { system } from '../system.ts'
import type { ChunkTaker } from './chunk-sink.ts'
import { chunkDigestBytes } from './digest-set.ts'
import type { Chunker } from './gear.ts'
import { refBytes } from './tree-reader.ts'

/** A hole's reference is no longer than this, a multiple of every block size. */
const maxHoleBytes = 2 ** 31
const zeros = Buffer.alloc(chunkDigestBytes)

/** Cuts files into chunks by content, gives new ones to the sink and writes references to the tree. */
export class FileChunker implements FileHandler {
  readonly #chunker: Chunker
  readonly #sink: ChunkTaker
  readonly #tree: CatalogWriter
  readonly #old: OldEntries
  readonly #reader = new FileReader()
  readonly #after = new Stat()
  readonly #ref = Buffer.alloc(refBytes)
  readonly #buffer: Buffer
  #job: FileJob | undefined
  bytesRead = 0
  #isSparse = false
  /** Where in the file the next chunk begins, and where the extent ends that it is in. */
  #position = 0
  #extentEnd = 0
  /** What of the buffer holds content from `#position` on. */
  #start = 0
  #end = 0

  constructor(chunker: Chunker, sink: ChunkTaker, tree: CatalogWriter, old: OldEntries) {
    this.#chunker = chunker
    this.#sink = sink
    this.#tree = tree
    this.#old = old
    this.#buffer = Buffer.allocUnsafeSlow(chunker.sizes.max * 2)
  }

  get isBusy(): boolean {
    return this.#job !== undefined
  }

  begin(job: FileJob): void {
    this.#job = job
    this.#isSparse = job.stat.allocated < job.stat.size
    this.#reader.begin(job.descriptor)
    this.#position = 0
    this.#extentEnd = 0
    this.#start = 0
    this.#end = 0
  }

  step(): { isSent: boolean; hasChanged: boolean } | undefined {
    const job = this.#job
    if (!job) throw new Error('no file was begun')
    if (this.#position < job.stat.size) {
      if (this.#position >= this.#extentEnd && this.#passHole(job.stat.size)) return undefined
      this.#chunk()
      if (this.#position < job.stat.size) return undefined
    }
    return this.#finish(job)
  }

  close(): void {
    if (this.#job) system.close(this.#job.descriptor)
    this.#job = undefined
  }

  /** Finds the extent at hand; refers to a hole and goes behind it. False where there is data. */
  #passHole(size: number): boolean {
    const { isHole, end } = this.#isSparse
      ? this.#reader.extent(this.#position, size)
      : { isHole: false, end: size }
    if (!isHole) {
      this.#extentEnd = end
      return false
    }
    const length = Math.min(end - this.#position, maxHoleBytes)
    this.#refer(length, zeros)
    return this.#position < size
  }

  #chunk(): void {
    const buffer = this.#buffer
    const left = this.#extentEnd - this.#position
    if (left <= 0) return
    const wanted = Math.min(left, this.#chunker.sizes.max)
    if (this.#end - this.#start < wanted) {
      buffer.copyWithin(0, this.#start, this.#end)
      this.#end -= this.#start
      this.#start = 0
      const more = Math.min(buffer.length, left) - this.#end
      this.#reader.fill(buffer, this.#end, more, this.#position + this.#end)
      this.#end += more
    }
    const length = this.#chunker.cut(buffer, this.#start, this.#start + wanted)
    const content = buffer.subarray(this.#start, this.#start + length)
    const digest = hash('sha256', content, 'buffer')
    this.#sink.add(digest, content)
    this.#start += length
    this.bytesRead += length
    this.#refer(length, digest)
  }

  #refer(length: number, digest: Buffer): void {
    this.#ref.writeUInt32LE(length, 0)
    digest.copy(this.#ref, 4)
    this.#tree.digests(this.#ref, 0, refBytes)
    this.#position += length
  }

  #finish(job: FileJob): { isSent: boolean; hasChanged: boolean } {
    const hasChanged = !this.#after.readDescriptor(job.descriptor).isSameAs(job.stat)
    if (job.hasOld) this.#old.next()
    this.close()
    return { isSent: true, hasChanged }
  }
}
