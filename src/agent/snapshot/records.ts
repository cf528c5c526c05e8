import { chunkDigestBytes } from './digest-set.ts'

/** How a chunk is stored. */
export const encodings = { raw: 0, zstd: 1 } as const

/** A chunk on its way to a repository: digest, `u32` length of its content, `u8` encoding, `u32` length as stored, and that. */
export const recordHeadBytes = chunkDigestBytes + 9

/** A chunk as it is stored. Lengths in bytes. */
export interface ChunkRecord {
  digest: Buffer
  length: number
  encoding: number
  stored: Buffer
}

/** Writes a record at a byte of a buffer that has room for it. Returns where it ends. */
export function writeRecord(buffer: Buffer, at: number, record: ChunkRecord): number {
  let next = at + record.digest.copy(buffer, at)
  next = buffer.writeUInt32LE(record.length, next)
  next = buffer.writeUInt8(record.encoding, next)
  next = buffer.writeUInt32LE(record.stored.length, next)
  return next + record.stored.copy(buffer, next)
}

/** The records from a byte on. The content is not copied. @throws RangeError when one is cut short. */
export function* readRecords(buffer: Buffer, start: number): Generator<ChunkRecord> {
  for (let at = start; at < buffer.length; ) {
    const stored = at + recordHeadBytes
    const storedLength = buffer.readUInt32LE(stored - 4)
    if (stored + storedLength > buffer.length) throw new RangeError('a chunk is cut short')
    yield {
      digest: buffer.subarray(at, at + chunkDigestBytes),
      length: buffer.readUInt32LE(at + chunkDigestBytes),
      encoding: buffer.readUInt8(at + chunkDigestBytes + 4),
      stored: buffer.subarray(stored, stored + storedLength),
    }
    at = stored + storedLength
  }
}
