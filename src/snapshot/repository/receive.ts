import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { exitCodes, RefusedError, WherryError } from '../../model/errors.ts'
import { damaged } from './failures.ts'
import { claim } from './mutex.ts'
import { type Descriptor, hexOf } from './oci.ts'
import { type BlobSource, pieceBytes, type TransferOptions } from './repository.ts'

/**
 * Fetches a blob into a file of the directory, and goes on with what an earlier run left of it there.
 * @returns the file's path, once its content has the blob's digest. @throws NotVerifiedError when it has not, RefusedError `no-space`.
 */
export async function receive(
  directory: string,
  blob: Descriptor,
  source: BlobSource,
  options: TransferOptions,
): Promise<string> {
  const kept = join(directory, `blob-${hexOf(blob.digest)}`)
  const release = await claim(`${kept}.lock`, 'snapshot pull')
  // Somebody else fetches it at this moment: not into the same file.
  const path = release ? kept : `${kept}-${process.pid}`
  try {
    const hadSome = await fetchInto(path, blob, source, options)
    if (hadSome === 'right') return path
    // What was left may have been damaged by what ended that run.
    if (hadSome === 'wrong-from-before' && (await fetchInto(path, blob, source, options)) === 'right')
      return path
    throw damaged(source.name, `Blob ${blob.digest}`)
  } catch (error) {
    if (!release) await rm(path, { force: true })
    throw error
  } finally {
    await release?.()
  }
}

async function fetchInto(
  path: string,
  blob: Descriptor,
  source: BlobSource,
  { progress, signal }: TransferOptions,
): Promise<'right' | 'wrong' | 'wrong-from-before'> {
  const file = await open(path, 'a+', 0o600)
  try {
    const hash = createHash('sha256')
    const before = await takeIn(file, blob.size, hash)
    progress(before)
    await refuseWithoutSpace(path, blob.size - before)
    for (let at = before; at < blob.size; ) {
      if (signal?.aborted) {
        throw new WherryError('interrupted', exitCodes.interrupted, 'Interrupted; run it again to go on.')
      }
      const piece = await source.read(blob.digest, at, Math.min(pieceBytes, blob.size - at))
      hash.update(piece)
      await file.writeFile(piece)
      at += piece.length
      progress(piece.length)
    }
    if (`sha256:${hash.digest('hex')}` === blob.digest) return 'right'
    progress(-blob.size)
    await rm(path, { force: true })
    return before > 0 ? 'wrong-from-before' : 'wrong'
  } finally {
    await file.close()
  }
}

/** Reads what is in the file already. @returns how many bytes that is. */
async function takeIn(file: FileHandle, size: number, hash: Hash): Promise<number> {
  const there = (await file.stat()).size
  if (there > size) await file.truncate(0)
  if (there === 0 || there > size) return 0
  const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, there))
  for (let at = 0; at < there; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, there - at), at)
    if (bytesRead === 0) return at
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return there
}

/** Whatever size somebody else gives a blob, this machine's disk is not filled with it. @throws RefusedError `no-space`. */
export async function refuseWithoutSpace(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(path)
  if (bytes <= bavail * bsize) return
  throw new RefusedError('no-space', `${path} has no room for ${bytes} bytes more.`, {
    suggestions: ['Make room there, or name another repository with --repo.'],
    data: { path, neededBytes: bytes, freeBytes: bavail * bsize },
  })
}
