import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync } from 'node:zlib'
import { encodings } from './records.ts'

const level = 3
/** Compressing takes twice as long as everything else: content that does not give way in a sample is stored as it is. */
const sampleBytes = 16 << 10
const worthwhile = 0.97

const compressAsync = promisify(zstdCompress)
const options = { params: { [constants.ZSTD_c_compressionLevel]: level } }
const quickOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** Content as it is stored. */
export interface Encoded {
  encoding: number
  stored: Buffer
}

/** Compresses in a thread of the pool, where that is worth it. The content must stay as it is meanwhile. */
export async function encode(content: Buffer): Promise<Encoded> {
  const raw = { encoding: encodings.raw, stored: content }
  if (content.length > sampleBytes * 4) {
    const middle = (content.length - sampleBytes) >> 1
    const sample = content.subarray(middle, middle + sampleBytes)
    if (zstdCompressSync(sample, quickOptions).length > sampleBytes * worthwhile) return raw
  }
  const stored = await compressAsync(content, options)
  return stored.length < content.length * worthwhile ? { encoding: encodings.zstd, stored } : raw
}
