import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync } from 'node:zlib'
import { encodings } from './records.ts'

const level = 3
/** Handing a chunk to another thread costs more than compressing so little. */
const syncBytes = 64 << 10
const sampleBytes = 16 << 10
/** What does not become smaller than this part of it is stored as it is. */
const worthwhile = 0.97
/** Two bytes of content that looks random are equal once in 256 times. */
const randomLooking = 1.2 / 256

const compressAsync = promisify(zstdCompress)
const options = { params: { [constants.ZSTD_c_compressionLevel]: level } }
const quickOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** Content as it is stored. */
export interface Encoded {
  encoding: number
  stored: Buffer
}

/**
 * Content compressed where that is worth it. A promise for much content, which a thread of the pool compresses and which must
 * stay as it is meanwhile; `stored` may be the content itself.
 */
export function encode(content: Buffer): Encoded | Promise<Encoded> {
  if (!mayGiveWay(content)) return { encoding: encodings.raw, stored: content }
  if (content.length <= syncBytes) return smaller(content, zstdCompressSync(content, options))
  return compressAsync(content, options).then((stored) => smaller(content, stored))
}

function smaller(content: Buffer, stored: Buffer): Encoded {
  return stored.length < content.length * worthwhile
    ? { encoding: encodings.zstd, stored }
    : { encoding: encodings.raw, stored: content }
}

/** Compressing takes longer than everything else: a look at some of the content tells whether to try. */
function mayGiveWay(content: Buffer): boolean {
  const middle = Math.max(0, (content.length - sampleBytes) >> 1)
  const sample = content.subarray(middle, middle + sampleBytes)
  if (content.length > syncBytes)
    return zstdCompressSync(sample, quickOptions).length < sample.length * worthwhile
  return sample.length < 256 || equalPairs(sample) > randomLooking
}

const counts = new Uint32Array(256)

/** How likely it is that two bytes of a sample are equal. */
function equalPairs(sample: Buffer): number {
  counts.fill(0)
  const { length } = sample
  for (let at = 0; at < length; at++)
    counts[sample[at] as number] = (counts[sample[at] as number] as number) + 1
  let pairs = 0
  for (const count of counts) pairs += count * (count - 1)
  return pairs / (length * (length - 1))
}
