import { createHash } from 'node:crypto'

/** Bounds of a chunk's length in bytes; lengths lie around `normal`. */
export interface ChunkSizes {
  min: number
  normal: number
  max: number
}

/** Content of files. */
export const dataSizes: ChunkSizes = { min: 512 << 10, normal: 1 << 20, max: 4 << 20 }
/** Lists of files: small, so that a few changed files cost little. */
export const treeSizes: ChunkSizes = { min: 32 << 10, normal: 128 << 10, max: 512 << 10 }

/** What boundaries depend on where nothing is secret. An encrypted repository has a seed of its own. */
export const publicSeed = 'wherry gear 1'

/** A boundary is easier to find behind the normal length and harder before it, by so many bits (normalized chunking). */
const normalizationBits = 2

/**
 * Finds boundaries of chunks by content (Gear hash with normalized chunking, after FastCDC, USENIX ATC 2016): an insertion
 * moves the boundaries near it and leaves the others where they are. The hash is described in docs/design/snapshot-format.md.
 */
export class Chunker {
  readonly sizes: ChunkSizes
  readonly #gear: Int32Array
  readonly #strictMask: number
  readonly #looseMask: number

  constructor(sizes: ChunkSizes, seed: string) {
    this.sizes = sizes
    this.#gear = gearTable(seed)
    const bits = Math.log2(sizes.normal)
    this.#strictMask = upperBits(bits + normalizationBits)
    this.#looseMask = upperBits(bits - normalizationBits)
  }

  /** The length of the chunk that begins at `start`; nothing of it lies at or behind `end`, where the content ends or has to be cut. */
  cut(buffer: Buffer, start: number, end: number): number {
    const { min, normal, max } = this.sizes
    const length = Math.min(end - start, max)
    if (length <= min) return length
    const gear = this.#gear
    const strict = this.#strictMask
    const loose = this.#looseMask
    const middle = start + Math.min(normal, length)
    const stop = start + length
    let hash = 0
    let at = start + min
    for (; at < middle; at++) {
      hash = ((hash << 1) + (gear[buffer[at] as number] as number)) | 0
      if ((hash & strict) === 0) return at + 1 - start
    }
    for (; at < stop; at++) {
      hash = ((hash << 1) + (gear[buffer[at] as number] as number)) | 0
      if ((hash & loose) === 0) return at + 1 - start
    }
    return length
  }
}

/** A mask of so many upper bits. Comparing what it leaves takes a third of the time of a shift without sign: V8 keeps the hash an integer. */
function upperBits(count: number): number {
  return -1 << (32 - count)
}

/** For each byte a number that looks random: the first four bytes of SHA-256 over the seed and the byte. */
function gearTable(seed: string): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) =>
    createHash('sha256').update(seed).update(Buffer.of(byte)).digest().readInt32LE(),
  )
}
