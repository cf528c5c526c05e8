import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { bufferBytes, headerBytes, magic, writeHeader } from './catalog-format.ts'
import { localFlags, portableStart } from './entry.ts'

/** Writes a catalog beside the old one; `finish` puts it into its place. */
export class CatalogWriter {
  readonly path: string
  readonly #kind: string
  readonly #file: number
  readonly #hash = createHash('sha256')
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  readonly #hashed = Buffer.allocUnsafeSlow(65_536)
  #length = headerBytes
  #hashedLength = 0
  #written = 0
  #entries = 0
  #isOpen = true

  /** `kind` is what the file begins with, 8 characters. */
  constructor(path: string, kind = magic) {
    this.path = path
    this.#kind = kind
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
    const flags =
      position >= this.#written ? this.#buffer.subarray(position - this.#written) : Buffer.alloc(1)
    if (position < this.#written) readSync(this.#file, flags, 0, 1, position)
    flags[0] = (flags[0] ?? 0) | localFlags.racy
    if (position < this.#written) writeSync(this.#file, flags, 0, 1, position)
  }

  /** Ends the catalog and puts it in the place of the old one. Returns the tree's digest, hexadecimal. */
  finish(isTrusted: boolean): string {
    this.#flushHash()
    this.#flush()
    const digest = this.#hash.digest()
    const header = Buffer.alloc(headerBytes)
    writeHeader(header, { kind: this.#kind, isTrusted, entries: this.#entries, digest })
    writeSync(this.#file, header, 0, headerBytes, 0)
    this.#close()
    renameSync(`${this.path}.new`, this.path)
    return digest.toString('hex')
  }

  /** Gives the new catalog up; the old one stays. Called after `finish` has failed, too. */
  discard(): void {
    this.#close()
    rmSync(`${this.path}.new`, { force: true })
  }

  #close(): void {
    if (this.#isOpen) closeSync(this.#file)
    this.#isOpen = false
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
