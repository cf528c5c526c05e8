import { createHash } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { digestBytes, Head, localFlags, portableStart } from './entry.ts'

/**
 * A catalog file: what a tree held after a round, entry by entry in walk order, never in memory as a whole.
 * The bytes are described in docs/design/agent.md; entries themselves in entry.ts.
 */

const magic = 'WHERRYC1'
const headerBytes = 128
const bufferBytes = 1 << 20

/** What stands at the front of a catalog. */
export interface CatalogSummary {
  /** SHA-256 of all portable parts, hexadecimal: equal on both engines when the trees are equal. */
  digest: string
  entries: number
  /** False when a later change might leave no trace in a file's times, so that every file has to be read again. */
  isTrusted: boolean
}

/** Where a tree's catalog is kept. */
export function catalogPath(directory: string, tree: string): string {
  return join(directory, `${encodeURIComponent(tree)}.catalog`)
}

/** What a stored catalog says about itself; undefined when there is none that can be used since the engine's last start. */
export function readSummary(path: string): CatalogSummary | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    const header = Buffer.alloc(headerBytes)
    if (readSync(file, header, 0, headerBytes, 0) < headerBytes) return undefined
    if (header.toString('latin1', 0, 8) !== magic || header.toString('latin1', 64, 100) !== bootId()) {
      return undefined
    }
    return {
      digest: header.toString('hex', 24, 56),
      entries: header.readUIntLE(16, 6),
      isTrusted: header[8] === 1,
    }
  } finally {
    closeSync(file)
  }
}

/** Data that was written before a crash may be gone after it while a catalog says that it is there. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().padEnd(36).slice(0, 36)
  } catch {
    return ''.padEnd(36)
  }
}

/** Forgets a tree, so that its next round begins afresh. */
export function removeCatalog(path: string): void {
  rmSync(path, { force: true })
}

/** Writes a catalog beside the old one; `finish` puts it into its place. */
export class CatalogWriter {
  readonly #path: string
  readonly #file: number
  readonly #hash = createHash('sha256')
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  readonly #hashed = Buffer.allocUnsafeSlow(65_536)
  #length = headerBytes
  #hashedLength = 0
  #written = 0
  #entries = 0

  constructor(path: string) {
    this.#path = path
    this.#file = openSync(`${path}.new`, 'w+', 0o600)
    this.#buffer.fill(0, 0, headerBytes)
  }

  get entries(): number {
    return this.#entries
  }

  /** Adds an entry's head; a file's digests follow with `digests`. Returns a position for `markRacy`. */
  head(bytes: Buffer, start: number, end: number): number {
    const length = end - start
    if (this.#length + length + 4 > this.#buffer.length) this.#flush()
    if (length + 4 > this.#buffer.length) throw new Error('an entry is larger than a catalog can hold')
    this.#length = this.#buffer.writeUInt32LE(length, this.#length)
    const position = this.#written + this.#length
    this.#length += bytes.copy(this.#buffer, this.#length, start, end)
    this.#addToHash(bytes, start + portableStart, end)
    this.#entries++
    return position
  }

  /** Adds the digests of some of a file's blocks. */
  digests(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      if (this.#length === this.#buffer.length) this.#flush()
      const copied = bytes.copy(this.#buffer, this.#length, at, end)
      this.#length += copied
      at += copied
    }
    this.#addToHash(bytes, start, end)
  }

  /** Says of an entry that its times prove nothing, so that the next round reads it again. */
  markRacy(position: number): void {
    if (position >= this.#written) {
      this.#buffer[position - this.#written] = localFlags.racy
    } else writeSync(this.#file, Buffer.of(localFlags.racy), 0, 1, position)
  }

  /** Ends the catalog and puts it in the place of the old one. Returns the tree's digest, hexadecimal. */
  finish(isTrusted: boolean): string {
    this.#flushHash()
    this.#flush()
    const digest = this.#hash.digest()
    const header = Buffer.alloc(headerBytes)
    header.write(magic, 0, 'latin1')
    header[8] = isTrusted ? 1 : 0
    header.writeUIntLE(this.#entries, 16, 6)
    digest.copy(header, 24)
    header.write(bootId(), 64, 'latin1')
    writeSync(this.#file, header, 0, headerBytes, 0)
    closeSync(this.#file)
    renameSync(`${this.#path}.new`, this.#path)
    return digest.toString('hex')
  }

  /** Gives the new catalog up; the old one stays. */
  discard(): void {
    closeSync(this.#file)
    rmSync(`${this.#path}.new`, { force: true })
  }

  #addToHash(bytes: Buffer, start: number, end: number): void {
    if (this.#hashedLength + end - start > this.#hashed.length) this.#flushHash()
    if (end - start > this.#hashed.length) this.#hash.update(bytes.subarray(start, end))
    else this.#hashedLength += bytes.copy(this.#hashed, this.#hashedLength, start, end)
  }

  #flushHash(): void {
    this.#hash.update(this.#hashed.subarray(0, this.#hashedLength))
    this.#hashedLength = 0
  }

  #flush(): void {
    for (let at = 0; at < this.#length; ) {
      at += writeSync(this.#file, this.#buffer, at, this.#length - at, this.#written + at)
    }
    this.#written += this.#length
    this.#length = 0
  }
}

/** Reads a catalog from front to back. */
export class CatalogReader {
  readonly #file: number
  readonly #size: number
  readonly #head = new Head()
  #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #start = 0
  #end = 0
  #position = headerBytes
  #hasHead = false
  #digestsLeft = 0

  constructor(path: string) {
    this.#file = openSync(path, 'r')
    this.#size = fstatSync(this.#file).size
  }

  /** The entry at hand, undefined at the end. Its bytes are valid until `digests` or `next`. */
  peek(): Head | undefined {
    if (this.#hasHead) return this.#head
    if (!this.#need(4)) return undefined
    const length = this.#buffer.readUInt32LE(this.#start)
    if (!this.#need(4 + length)) throw new Error('the catalog is cut short')
    this.#head.set(this.#buffer, this.#start + 4, this.#start + 4 + length)
    this.#start += 4 + length
    this.#hasHead = true
    this.#digestsLeft = this.#head.blocks * digestBytes
    return this.#head
  }

  /** The next digests of the entry at hand, at most 65536 at once and fewer at its end; valid until the next call. */
  digests(count: number): Buffer {
    const bytes = Math.min(count * digestBytes, this.#digestsLeft)
    if (!this.#need(bytes)) throw new Error('the catalog is cut short')
    this.#start += bytes
    this.#digestsLeft -= bytes
    return this.#buffer.subarray(this.#start - bytes, this.#start)
  }

  /** Goes on to the next entry. */
  next(): void {
    this.peek()
    this.#hasHead = false
    const inBuffer = Math.min(this.#digestsLeft, this.#end - this.#start)
    this.#start += inBuffer
    this.#position += this.#digestsLeft - inBuffer
    this.#digestsLeft = 0
  }

  close(): void {
    closeSync(this.#file)
  }

  /** Makes sure that so many bytes are in the buffer. False at the end of the file. */
  #need(bytes: number): boolean {
    if (this.#end - this.#start >= bytes) return true
    if (bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(bytes * 2)
      this.#buffer.copy(larger, 0, this.#start, this.#end)
      this.#buffer = larger
    } else this.#buffer.copyWithin(0, this.#start, this.#end)
    this.#end -= this.#start
    this.#start = 0
    while (this.#end < bytes && this.#position < this.#size) {
      const read = readSync(
        this.#file,
        this.#buffer,
        this.#end,
        this.#buffer.length - this.#end,
        this.#position,
      )
      if (read === 0) break
      this.#end += read
      this.#position += read
    }
    return this.#end >= bytes
  }
}

/** Copies the entry at hand from an old catalog to a new one and goes on. */
export function copyEntry(reader: CatalogReader, writer: CatalogWriter): void {
  const head = reader.peek()
  if (!head) throw new Error('the catalog ends too early')
  writer.head(head.buffer, head.start, head.end)
  for (let left = head.blocks; left > 0; ) {
    const digests = reader.digests(Math.min(left, 32_768))
    writer.digests(digests, 0, digests.length)
    left -= digests.length / digestBytes
  }
  reader.next()
}
