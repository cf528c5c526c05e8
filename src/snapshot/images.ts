import { hash } from 'node:crypto'
import type { ChunkRef } from '../agent/protocol.ts'
import { encode } from '../agent/snapshot/compress.ts'
import { DigestSet } from '../agent/snapshot/digest-set.ts'
import { Chunker, dataSizes } from '../agent/snapshot/gear.ts'
import type { Engine } from '../engine/engine.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Warning } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'
import type { ChunkStore } from './chunk-store.ts'
import type { SnapshotImage } from './config.ts'
import type { PackWriter } from './pack-writer.ts'
import type { Seal } from './seal.ts'

/** `ref`: by its name and digest alone. `include`: with everything that is in it. */
export type ImageTreatment = 'ref' | 'include'

export interface StoreImagesRequest {
  engine: Engine
  manifests: readonly Manifest[]
  treatment: ImageTreatment
  chunks: ChunkStore
  packs: PackWriter
  seal: Seal
  report: Report
  signal: AbortSignal
}

/** The images of a group, each once. Those that are included go into the repository as the engine saves them. */
export async function storeImages(request: StoreImagesRequest): Promise<SnapshotImage[]> {
  const images: SnapshotImage[] = []
  for (const { image } of request.manifests) {
    const { id, reference } = image
    if (images.some((other) => other.id === id)) continue
    images.push(
      request.treatment === 'include'
        ? { id, reference, refs: await storeImage(request, image) }
        : { id, reference },
    )
  }
  return images
}

/** Images that a restore elsewhere could not have. */
export function warnOfImages(manifests: readonly Manifest[], treatment: ImageTreatment): Warning[] {
  if (treatment === 'include') return []
  const local = manifests
    .filter(({ image }) => image.repoDigests.length === 0)
    .map(({ image }) => image.reference)
  return [...new Set(local)].map((reference) => ({
    code: 'image-not-included',
    message: `The image ${reference} comes from no registry: an engine without it cannot restore this. --image include takes it along.`,
  }))
}

async function storeImage(
  { engine, chunks, packs, report, seal, signal }: StoreImagesRequest,
  { id, reference }: Manifest['image'],
): Promise<ChunkRef[]> {
  report({ type: 'phase', phase: 'image', message: `image ${reference}` })
  const chunker = new Chunker(dataSizes, seal.seed)
  const seen = new DigestSet()
  const refs: ChunkRef[] = []
  let bytes = 0
  for await (const content of cutStream(await engine.images.save(id, signal), chunker)) {
    const digest = hash('sha256', content, 'buffer')
    refs.push({ digest: digest.toString('hex'), length: content.length })
    bytes += content.length
    report({ type: 'bytes', phase: 'image', bytes })
    if (!seen.add(digest) || chunks.index.find(digest)) continue
    await packs.add({ digest, length: content.length, ...(await encode(content)) })
  }
  return refs
}

/** Cuts a stream into chunks; each is valid until the next is asked for. */
async function* cutStream(stream: AsyncIterable<Buffer>, chunker: Chunker): AsyncGenerator<Buffer> {
  const { max } = chunker.sizes
  const buffer = Buffer.allocUnsafeSlow(max * 2)
  let length = 0
  for await (const piece of stream) {
    for (let at = 0; at < piece.length; ) {
      const copied = piece.copy(buffer, length, at)
      length += copied
      at += copied
      while (length >= max) {
        const cut = chunker.cut(buffer, 0, max)
        yield buffer.subarray(0, cut)
        buffer.copyWithin(0, cut, length)
        length -= cut
      }
    }
  }
  while (length > 0) {
    const cut = chunker.cut(buffer, 0, Math.min(length, max))
    yield buffer.subarray(0, cut)
    buffer.copyWithin(0, cut, length)
    length -= cut
  }
}
