import { writeDigest } from './block-digest.ts'
import type { CatalogReader } from './catalog-reader.ts'
import type { CatalogWriter } from './catalog-writer.ts'
import { digestBytes, type Head } from './entry.ts'
import { AgentError } from './errors.ts'
import { check, flags, lastErrno, SystemCallError, system } from './system.ts'

const page = 4096
const writeBackBytes = 8 << 20
const zeroPage = Buffer.alloc(page)

/** What the source says about one file. */
export interface IncomingFile {
  descriptor: number
  head: Head
  isInPlace: boolean
  isSparse: boolean
}

/** Writes one file's blocks; where it is told to, it checks each against its digest before. */
export class FileReceiver {
  readonly #old: CatalogReader | undefined
  readonly #catalog: CatalogWriter
  readonly #checksBlocks: boolean
  readonly #digest = Buffer.alloc(digestBytes)
  #file: IncomingFile | undefined
  #shift = 0
  #size = 0
  #next = 0
  /** How far a new file reaches by what was written to it. */
  #written = 0
  /** Up to here the kernel has been told to begin to write what was written back to the disk. */
  #begunEnd = 0

  constructor(catalog: CatalogWriter, old: CatalogReader | undefined, checksBlocks: boolean) {
    this.#catalog = catalog
    this.#checksBlocks = checksBlocks
    this.#old = old
  }

  /** The file at hand. */
  get file(): IncomingFile {
    if (!this.#file) throw new AgentError('protocol', 'blocks came without a file')
    return this.#file
  }

  begin(file: IncomingFile): void {
    this.#file = file
    this.#shift = file.head.blockShift
    this.#size = file.head.size
    this.#next = 0
    this.#written = 0
    this.#begunEnd = 0
  }

  /** Blocks with data. */
  data(count: number, digests: Buffer, data: Buffer): void {
    const { descriptor, isSparse } = this.file
    const start = this.#position
    if (data.length !== Math.min(count * 2 ** this.#shift, this.#size - start)) {
      throw new AgentError('protocol', 'the blocks of a file have the wrong length')
    }
    if (this.#checksBlocks) this.#check(count, digests, data)
    if (isSparse) this.#writeSparse(descriptor, data, start)
    else this.#write(descriptor, data, start)
    this.#advance(count, digests)
  }

  /** Blocks that hold nothing on the source. */
  hole(count: number): void {
    const { descriptor, isInPlace } = this.file
    const start = this.#position
    if (isInPlace) punch(descriptor, start, Math.min(count * 2 ** this.#shift, this.#size - start))
    for (let left = count; left > 0; ) {
      const some = Math.min(left, manyHoles.length / digestBytes)
      this.#advance(some, manyHoles.subarray(0, some * digestBytes))
      left -= some
    }
  }

  /** Blocks that are as they were after the round before. */
  same(count: number): void {
    for (let left = count; left > 0; ) {
      const digests = this.#old?.digests(Math.min(left, 32_768))
      if (!digests?.length)
        throw new AgentError('protocol', 'a block is said to be unchanged that never came')
      const some = digests.length / digestBytes
      this.#catalog.digests(digests, 0, digests.length)
      this.#next += some
      left -= some
    }
  }

  /**
   * Gives the file its size, unless what was written to a new file has: ext4 looks for blocks beyond the end even where the
   * size stays, which took a twelfth of a small file's time. Every block must have come.
   */
  end(): IncomingFile {
    const file = this.file
    if (this.#next !== file.head.blocks)
      throw new AgentError('protocol', 'a file ended before its last block')
    if (file.isInPlace || this.#written !== this.#size) {
      check('ftruncate', system.ftruncate(file.descriptor, this.#size))
    }
    this.#file = undefined
    return file
  }

  close(): void {
    if (this.#file) system.close(this.#file.descriptor)
    this.#file = undefined
  }

  #check(count: number, digests: Buffer, data: Buffer): void {
    for (let index = 0; index < count; index++) {
      const block = data.subarray(index << this.#shift, Math.min((index + 1) << this.#shift, data.length))
      writeDigest(this.#digest, 0, block)
      if (this.#digest.compare(digests, index * digestBytes, (index + 1) * digestBytes) !== 0) {
        throw new AgentError('corrupted-in-transit', `Block ${this.#next + index} was damaged on its way`)
      }
    }
  }

  get #position(): number {
    return this.#next * 2 ** this.#shift
  }

  #advance(count: number, digests: Buffer): void {
    this.#catalog.digests(digests, 0, count * digestBytes)
    if (this.file.isInPlace) this.#old?.digests(count)
    this.#next += count
  }

  #write(descriptor: number, data: Buffer, start: number): void {
    writeAll(descriptor, data, start)
    this.#written = start + data.length
    if (this.#written - this.#begunEnd >= writeBackBytes) this.#beginWriteBack(descriptor)
  }

  /** So that the disk works while more comes, and the flush at the end is short. Where it cannot be done the flush does it all. */
  #beginWriteBack(descriptor: number): void {
    const begun = this.#begunEnd
    this.#begunEnd = this.#written
    system.syncFileRange(descriptor, begun, this.#written - begun, flags.syncFileRangeWrite)
  }

  /** In a sparse file a block may be part hole: pages of zeros are left out, so that the copy takes no more room. */
  #writeSparse(descriptor: number, data: Buffer, start: number): void {
    for (let from = 0; from < data.length; ) {
      const isZero = isZeroPage(data, from)
      let to = from + page
      while (to < data.length && isZeroPage(data, to) === isZero) to += page
      to = Math.min(to, data.length)
      if (!isZero) this.#write(descriptor, data.subarray(from, to), start + from)
      else if (this.file.isInPlace) punch(descriptor, start + from, to - from)
      from = to
    }
  }
}

const manyHoles = Buffer.alloc(4096 * digestBytes)

function isZeroPage(data: Buffer, at: number): boolean {
  const end = Math.min(at + page, data.length)
  return data.compare(zeroPage, 0, end - at, at, end) === 0
}

/**
 * A larger write asks the page cache for larger folios, and those above 32 KiB do not come from the lists of pages that
 * each processor has at hand: measured in a virtual machine (ext4, kernel 6.18) they took up to twice as long a byte.
 */
const writeBytes = 32 * 1024

function writeAll(descriptor: number, data: Buffer, position: number): void {
  for (let done = 0; done < data.length; ) {
    const rest = done === 0 ? data : data.subarray(done)
    const length = Math.min(rest.length, writeBytes)
    done += check('pwrite', system.pwrite(descriptor, rest, length, position + done))
  }
}

/** Makes a range read as zeros, as a hole where the file system has them. */
function punch(descriptor: number, start: number, length: number): void {
  if (length <= 0 || system.fallocate(descriptor, flags.punchHole, start, length) === 0) return
  const errno = lastErrno()
  if (errno !== 'EOPNOTSUPP' && errno !== 'ENOTSUP') throw new SystemCallError('fallocate', errno)
  const zeros = Buffer.alloc(Math.min(length, 1 << 20))
  for (let done = 0; done < length; done += zeros.length) {
    writeAll(descriptor, zeros.subarray(0, Math.min(zeros.length, length - done)), start + done)
  }
}
