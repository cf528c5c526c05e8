import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { digestBytes } from './entry.ts'

/** Writes what a block is told from others by into `target` at the given byte: `digestBytes`. */
export type WriteDigest = (target: Buffer, at: number, block: Buffer) => void

/**
 * Writes a block's digest, SHA-256 cut to `digestBytes`, into `target` at the given byte. As a string, which comes with
 * its characters in the object, a digest costs a tenth less of the whole than as a Buffer of its own.
 */
export function writeDigest(target: Buffer, at: number, block: Buffer): void {
  target.write(hash('sha256', block, 'binary'), at, digestBytes, 'latin1')
}

/**
 * The same with a checksum in the place of the digest, for blocks of chunks whose SHA-256 was compared when they were
 * read, over a link that nobody can change anything on: a tenth of the work. The digest of zeros, which stands for a hole, it never is.
 */
export function writeChecksum(target: Buffer, at: number, block: Buffer): void {
  target.fill(0, at, at + digestBytes)
  target.writeUInt32LE(crc32(block), at)
  target[at + digestBytes - 1] = 1
}
