import { writeDigest } from './block-digest.ts'
import type { CatalogReader } from './catalog-reader.ts'
import type { CatalogWriter } from './catalog-writer.ts'
import { blockCount, digestBytes, type HeadBuilder } from './entry.ts'
import { FileReader } from './file-reader.ts'
import { type OpsWriter, opFlags, ops } from './ops.ts'
import { type ParallelHasher, sharedHasher } from './parallel-hash.ts'
import { Stat } from './stat.ts'
import { system } from './system.ts'

const chunkBytes = 512 * 1024
/** From here on several threads read and hash what a round before has sent already. */
const parallelBytes = 64 * 2 ** 20
const kinds = { data: 0, hole: 1, same: 2 } as const

/** What one file is compared with, and where the outcome goes. */
export interface FileJob {
  descriptor: number
  /** What the file was when it was opened. */
  stat: Stat
  head: HeadBuilder
  shift: number
  /** Whether what is known from before stands at this file's entry; otherwise the file is made anew. */
  hasOld: boolean
  /** Whether everything but content is as in that entry. */
  isSameHead: boolean
  /** Entries of the old catalog that the file takes the place of. */
  replaces: number
  /** Called before the first operation, so that the target is in the right directory. */
  beforeFirst: () => void
}

/** What is done with the content of files, one file at a time, a little with each step. */
export interface FileHandler {
  readonly isBusy: boolean
  /** Begins a file whose head is already in the new catalog. */
  begin(job: FileJob): void
  /** Handles one chunk. Returns how the file ended once it has: whether it was sent, and changed while it was read. */
  step(): { isSent: boolean; hasChanged: boolean } | undefined
  /** Gives up the file at hand. */
  close(): void
}

/** Reads a file block by block and sends the blocks that differ from the round before. */
export class FileSender implements FileHandler {
  readonly #ops: OpsWriter
  readonly #catalog: CatalogWriter
  readonly #old: CatalogReader | undefined
  readonly #after = new Stat()
  readonly #reader = new FileReader()
  readonly #digests = Buffer.alloc((chunkBytes >> 13) * digestBytes)
  readonly #kinds = new Uint8Array(chunkBytes >> 13)
  #chunk = Buffer.allocUnsafeSlow(chunkBytes)
  #job: FileJob | undefined
  #hasher: ParallelHasher | undefined
  #size = 0
  #blocks = 0
  #next = 0
  #pendingSame = 0
  #isSent = false
  #isSparse = false

  /** `old` is the catalog of the round before, which the walk reads beside it. */
  constructor(ops: OpsWriter, catalog: CatalogWriter, old: CatalogReader | undefined) {
    this.#ops = ops
    this.#catalog = catalog
    this.#old = old
  }

  get isBusy(): boolean {
    return this.#job !== undefined
  }

  begin(job: FileJob): void {
    this.#job = job
    this.#size = job.stat.size
    this.#blocks = blockCount(this.#size, job.shift)
    this.#next = 0
    this.#pendingSame = 0
    this.#isSent = false
    this.#isSparse = job.stat.allocated < this.#size
    this.#reader.begin(job.descriptor)
    if (1 << job.shift > this.#chunk.length) this.#chunk = Buffer.allocUnsafeSlow(1 << job.shift)
    if (!job.hasOld) this.#sendHead(job)
    else if (this.#size >= parallelBytes && !this.#isSparse) {
      this.#hasher = sharedHasher()
      this.#hasher.begin(job.descriptor, this.#size, job.shift)
    }
  }

  step(): { isSent: boolean; hasChanged: boolean } | undefined {
    const job = this.#job
    if (!job) throw new Error('no file was begun')
    const count = Math.min(Math.max(1, chunkBytes >> job.shift), this.#blocks - this.#next)
    if (count > 0) {
      if (!this.#handle(job, count)) return undefined
      this.#catalog.digests(this.#digests, 0, count * digestBytes)
      this.#next += count
      if (this.#next < this.#blocks) return undefined
    }
    return this.#finish(job)
  }

  close(): void {
    this.#hasher?.end()
    this.#hasher = undefined
    if (this.#job) system.close(this.#job.descriptor)
    this.#job = undefined
  }

  /** Sends what is to be sent of some blocks. False when their digests are not there yet. */
  #handle(job: FileJob, count: number): boolean {
    if (!job.hasOld && !this.#isSparse) {
      this.#sendAll(job, count)
      return true
    }
    if (this.#hasher) {
      if (!this.#hasher.take(this.#digests, count)) return false
      this.#kinds.fill(kinds.data)
      this.#compare(job, count)
      this.#readChanged(job, count)
    } else {
      this.#read(job, count)
      this.#compare(job, count)
    }
    this.#emit(job, count)
    return true
  }

  #finish(job: FileJob): { isSent: boolean; hasChanged: boolean } {
    const hasChanged = !this.#after.readDescriptor(job.descriptor).isSameAs(job.stat)
    if (!this.#isSent && !job.isSameHead) this.#sendHead(job)
    if (this.#isSent) this.#ops.fileEnd()
    else this.#ops.keep(1)
    if (job.hasOld) this.#old?.next()
    this.close()
    return { isSent: this.#isSent, hasChanged }
  }

  #blockLength(index: number, shift: number): number {
    return Math.min(1 << shift, this.#size - index * 2 ** shift)
  }

  /** Reads blocks straight into the batch, when all of them are to be sent. */
  #sendAll(job: FileJob, count: number): void {
    const start = this.#next * 2 ** job.shift
    const length = Math.min(count * 2 ** job.shift, this.#size - start)
    const room = this.#ops.openData(count, length)
    this.#reader.fill(room.buffer, room.data, length, start)
    for (let index = 0; index < count; index++) {
      const at = room.data + (index << job.shift)
      const end = at + this.#blockLength(this.#next + index, job.shift)
      writeDigest(room.buffer, room.digests + index * digestBytes, room.buffer.subarray(at, end))
    }
    room.buffer.copy(this.#digests, 0, room.digests, room.data)
  }

  /** Reads the blocks from `#next` on, sorts out holes, and computes digests. */
  #read(job: FileJob, count: number): void {
    const start = this.#next * 2 ** job.shift
    if (!this.#isSparse) {
      const length = Math.min(count << job.shift, this.#size - start)
      this.#reader.fill(this.#chunk, 0, length, start)
    }
    for (let index = 0; index < count; index++) {
      const at = index << job.shift
      const length = this.#blockLength(this.#next + index, job.shift)
      const isHole = this.#isSparse && this.#reader.isHole(start + at, length)
      this.#kinds[index] = isHole ? kinds.hole : kinds.data
      if (isHole) {
        this.#digests.fill(0, index * digestBytes, (index + 1) * digestBytes)
        continue
      }
      if (this.#isSparse) this.#reader.fill(this.#chunk, at, length, start + at)
      this.#digest(index, at, length)
    }
  }

  /** Reads the blocks that differ, which may have changed again since a thread hashed them. */
  #readChanged(job: FileJob, count: number): void {
    for (let index = 0; index < count; index++) {
      if (this.#kinds[index] !== kinds.data) continue
      const at = index << job.shift
      const length = this.#blockLength(this.#next + index, job.shift)
      this.#reader.fill(this.#chunk, at, length, this.#next * 2 ** job.shift + at)
      this.#digest(index, at, length)
    }
  }

  #digest(index: number, at: number, length: number): void {
    writeDigest(this.#digests, index * digestBytes, this.#chunk.subarray(at, at + length))
  }

  /** Marks the blocks whose digests are the old ones. */
  #compare(job: FileJob, count: number): void {
    if (!job.hasOld || !this.#old) return
    const old = this.#old.digests(count)
    for (let at = 0; at < old.length; at += digestBytes) {
      if (this.#digests.compare(old, at, at + digestBytes, at, at + digestBytes) === 0) {
        this.#kinds[at / digestBytes] = kinds.same
      }
    }
  }

  #emit(job: FileJob, count: number): void {
    for (let from = 0; from < count; ) {
      const kind = this.#kinds[from]
      let to = from + 1
      while (to < count && this.#kinds[to] === kind) to++
      if (kind === kinds.same && !this.#isSent) this.#pendingSame += to - from
      else {
        this.#sendHead(job)
        this.#emitRun(job, kind, from, to)
      }
      from = to
    }
  }

  #emitRun(job: FileJob, kind: number | undefined, from: number, to: number): void {
    if (kind === kinds.same) this.#ops.blocks(ops.same, to - from)
    else if (kind === kinds.hole) this.#ops.blocks(ops.hole, to - from)
    else {
      const end = Math.min(to << job.shift, this.#size - this.#next * 2 ** job.shift)
      this.#ops.data(this.#digests, from * digestBytes, to - from, this.#chunk, from << job.shift, end)
    }
  }

  #sendHead(job: FileJob): void {
    if (this.#isSent) return
    this.#isSent = true
    job.beforeFirst()
    const flag = (job.hasOld ? opFlags.inPlace : 0) | (this.#isSparse ? opFlags.sparse : 0)
    this.#ops.put(ops.file, flag, job.replaces, job.head.portable)
    if (this.#pendingSame > 0) this.#ops.blocks(ops.same, this.#pendingSame)
  }
}
