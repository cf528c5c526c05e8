import type { DigestSet } from '../agent/snapshot/digest-set.ts'
import { messageOf } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { openChunk } from './chunk-store.ts'
import { type PackList, packHeadBytes } from './pack-format.ts'
import type { PackWriter } from './pack-writer.ts'
import type { Repository } from './repository/repository.ts'
import type { Seal } from './seal.ts'

/** Copies chunks of a pack into new ones. */
export interface CopyRequest {
  repository: Repository
  seal: Seal
  /** Chunks that are wanted. */
  needed: DigestSet
  /** Those of them that are in packs that stay, to which the copied ones are added. */
  copied: DigestSet
  writer: PackWriter
  report: Report
  signal: AbortSignal
}

/** Copies what is needed of a pack, each chunk after a look at it. False when one is damaged: a copy would hide that. */
export async function copyNeeded(request: CopyRequest, pack: PackList): Promise<boolean> {
  const { repository, seal, needed, copied, writer, report, signal } = request
  let offset = packHeadBytes
  for (const chunk of pack.chunks) {
    const at = offset
    offset += chunk.storedLength
    if (!needed.has(chunk.digest) || copied.has(chunk.digest)) continue
    signal.throwIfAborted()
    let sealed: Buffer
    try {
      sealed = await repository.read(pack.digest, at, chunk.storedLength)
      openChunk(seal, sealed, chunk, chunk.digest)
    } catch (error) {
      const message = `Pack ${pack.digest} is not written anew: ${messageOf(error)}`
      report({ type: 'warning', code: 'pack-damaged', message })
      return false
    }
    await writer.addSealed(chunk, sealed)
    copied.add(chunk.digest)
  }
  return true
}
