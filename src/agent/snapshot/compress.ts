import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync } from 'node:zlib'
import { encodings } from './records.ts'

const level = 3
/** Handing a chunk to another thread costs more than compressing so little. */
const syncBytes = 64 << 10
/** Up to so much is judged by how often its bytes are equal, and more by what a part of it comes to. */
const sampledBytes = 256 << 10
const sampleBytes = 16 << 10
const partBytes = 1536
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
 * Content compressed where that is worth it; `stored` may be the content itself. A promise for much content, of which a copy is
 * compressed by a thread of the pool.
 */
export function encode(content: Buffer): Encoded | Promise<Encoded> {
  if (!mayGiveWay(content)) return { encoding: encodings.raw, stored: content }
  if (content.length <= syncBytes) return smaller(content, zstdCompressSync(content, options))
  const copy = Buffer.from(content)
  return compressAsync(copy, options).then((stored) => smaller(copy, stored))
}

function smaller(content: Buffer, stored: Buffer): Encoded {
  return stored.length < content.length * worthwhile
    ? { encoding: encodings.zstd, stored }
    : { encoding: encodings.raw, stored: content }
}

/**
 * Compressing takes longer than everything else: a look at some of the content tells whether to try. Of much content a part is compressed,
 * which tells most but takes as long as reading a small file.
 */
function mayGiveWay(content: Buffer): boolean {
  const { length } = content
  if (length < 256) return true
  if (length <= sampledBytes) return equalPairs(content) > randomLooking
  const middle = (length - sampleBytes) >> 1
  const sample = content.subarray(middle, middle + sampleBytes)
  return zstdCompressSync(sample, quickOptions).length < sample.length * worthwhile
}

const counts = new Uint32Array(256)

/** How likely it is that two bytes are equal, of some in the middle and at a quarter from both ends. */
function equalPairs(content: Buffer): number {
  counts.fill(0)
  const { length } = content
  const part = Math.min(partBytes, length >> 2)
  for (let quarter = 1; quarter <= 3; quarter++) {
    const start = ((length * quarter) >> 2) - (part >> 1)
    for (let at = start; at < start + part; at++)
      counts[content[at] as number] = (counts[content[at] as number] as number) + 1
  }
  let pairs = 0
  for (const count of counts) pairs += count * (count - 1)
  return pairs / (3 * part * (3 * part - 1))
}
