import { createCipheriv } from 'node:crypto'
import { AgentError } from './errors.ts'
import { frameHeaderBytes } from './frames.ts'

const checkBytes = 16

/** Every batch begins with a check of all that follows, the `u32` number of its round and the `u32` index of its tree. */
export const batchHeaderBytes = checkBytes + 8

/** Which round and tree a batch belongs to. */
export interface BatchOrigin {
  round: number
  tree: number
}

/** Writes the header of a batch whose operations are there already. */
export function sealBatch(batch: Buffer, { round, tree }: BatchOrigin): void {
  batch.writeUInt32LE(round, checkBytes)
  batch.writeUInt32LE(tree, checkBytes + 4)
  check(batch).copy(batch)
}

/** A batch without operations: it says that whoever sends is there yet. */
export function emptyBatch(origin: BatchOrigin): Buffer {
  const batch = Buffer.alloc(frameHeaderBytes + batchHeaderBytes).subarray(frameHeaderBytes)
  sealBatch(batch, origin)
  return batch
}

/** Where a batch belongs to. Throws a RangeError when it is too short to be one. */
export function readOrigin(batch: Buffer): BatchOrigin {
  return { round: batch.readUInt32LE(checkBytes), tree: batch.readUInt32LE(checkBytes + 4) }
}

/** Throws `corrupted-in-transit` when a batch is not what the source sealed. */
export function verifyBatch(batch: Buffer): void {
  if (check(batch).compare(batch, 0, checkBytes) === 0) return
  throw new AgentError('corrupted-in-transit', 'A batch was damaged on its way', {
    suggestions: ['Try again; if it happens again, suspect the memory of one of the engines.'],
  })
}

const key = Buffer.alloc(16)
const nonce = Buffer.alloc(12)

/**
 * A checksum: GMAC under a key of zeros, because processors have instructions for it and it takes less than half of the
 * time of zlib's crc32. It tells damage and mistakes, and nothing about who made it.
 */
function check(batch: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-gcm', key, nonce)
  cipher.setAAD(batch.subarray(checkBytes))
  cipher.final()
  return cipher.getAuthTag()
}
