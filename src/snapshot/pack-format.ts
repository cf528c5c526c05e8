import { chunkDigestBytes } from '../agent/snapshot/digest-set.ts'
import { hexOf } from './repository/oci.ts'

/** Packs and indexes of packs; the bytes are described in docs/design/snapshot-format.md. The last character is the version. */
export const packMagic = 'WHERRYP1'
export const indexMagic = 'WHERRYI1'
export const packHeadBytes = 8
/** At the end of a pack: `u32` length of its list of chunks, and the magic again. */
export const packFootBytes = 12

/** A chunk in a list: digest, `u32` length, `u8` encoding, `u32` length as stored. */
const entryBytes = chunkDigestBytes + 9

/** A chunk in a pack; they lie one after the other in the order of the list. Lengths in bytes. */
export interface PackedChunk {
  digest: Buffer
  length: number
  encoding: number
  storedLength: number
}

/** A pack with what is in it. */
export interface PackList {
  /** `sha256:…` */
  digest: string
  size: number
  chunks: PackedChunk[]
}

/** Chunks as a list, as a pack ends with. */
export function writeChunkList(chunks: readonly PackedChunk[]): Buffer {
  const list = Buffer.alloc(chunks.length * entryBytes)
  let at = 0
  for (const { digest, length, encoding, storedLength } of chunks) {
    at += digest.copy(list, at)
    at = list.writeUInt32LE(length, at)
    at = list.writeUInt8(encoding, at)
    at = list.writeUInt32LE(storedLength, at)
  }
  return list
}

/** @throws RangeError when the list is damaged. */
export function readChunkList(list: Buffer): PackedChunk[] {
  if (list.length % entryBytes !== 0) throw new RangeError('a list of chunks is cut short')
  return Array.from({ length: list.length / entryBytes }, (_, index) => {
    const at = index * entryBytes
    const fields = at + chunkDigestBytes
    return {
      digest: list.subarray(at, fields),
      length: list.readUInt32LE(fields),
      encoding: list.readUInt8(fields + 4),
      storedLength: list.readUInt32LE(fields + 5),
    }
  })
}

/** An index: for each pack its digest, `u48` size, `u32` number of chunks and their list. */
export function writeIndex(packs: readonly PackList[]): Buffer {
  const parts = packs.map(({ digest, size, chunks }) => {
    const head = Buffer.alloc(chunkDigestBytes + 10)
    head.write(hexOf(digest), 'hex')
    head.writeUIntLE(size, chunkDigestBytes, 6)
    head.writeUInt32LE(chunks.length, chunkDigestBytes + 6)
    return Buffer.concat([head, writeChunkList(chunks)])
  })
  const count = Buffer.alloc(4)
  count.writeUInt32LE(packs.length)
  return Buffer.concat([Buffer.from(indexMagic), count, ...parts])
}

/** @throws RangeError when it is damaged. */
export function readIndex(index: Buffer): PackList[] {
  if (index.toString('latin1', 0, 8) !== indexMagic) throw new RangeError('not an index of packs')
  const packs: PackList[] = []
  let at = 12
  for (let left = index.readUInt32LE(8); left > 0; left--) {
    const digest = `sha256:${index.toString('hex', at, at + chunkDigestBytes)}`
    const size = index.readUIntLE(at + chunkDigestBytes, 6)
    const count = index.readUInt32LE(at + chunkDigestBytes + 6)
    const start = at + chunkDigestBytes + 10
    at = start + count * entryBytes
    if (at > index.length) throw new RangeError('an index of packs is cut short')
    packs.push({ digest, size, chunks: readChunkList(index.subarray(start, at)) })
  }
  return packs
}
