import type { ChunkRef } from '../agent/protocol.ts'
import { DigestSet } from '../agent/snapshot/digest-set.ts'
import type { ChunkStore } from './chunk-store.ts'
import type { SnapshotTree } from './config.ts'
import type { Contents } from './contents.ts'
import { type PackList, writeIndex } from './pack-format.ts'
import { missing } from './repository/failures.ts'
import { type Descriptor, mediaTypes } from './repository/oci.ts'
import type { Seal } from './seal.ts'
import { TreeFile } from './tree-files.ts'

/** More indexes than these are put into one. */
const maxIndexes = 24
const hole = Buffer.alloc(32)

/** What a snapshot needs: packs by their numbers in the store, and of what is in them these chunks. */
export interface Needed {
  packs: Set<number>
  chunks: DigestSet
}

/** Looks what a snapshot needs. @throws WherryError `blob-missing` for a chunk that is in none. */
export async function neededOf(
  chunks: ChunkStore,
  directory: string,
  trees: readonly Pick<SnapshotTree, 'id' | 'refs'>[],
  others: readonly ChunkRef[],
): Promise<Needed> {
  const needed: Needed = { packs: new Set(), chunks: new DigestSet() }
  const need = (digest: Buffer, at = 0) => {
    if (!needed.chunks.add(digest, at)) return
    const place = chunks.index.find(digest, at)
    if (!place) throw missing(chunks.repository.name, `Chunk ${digest.toString('hex', at, at + 32)}`)
    needed.packs.add(place.pack)
  }
  for (const { digest } of [...others, ...trees.flatMap(({ refs }) => refs)]) need(Buffer.from(digest, 'hex'))
  for (const tree of trees) {
    await using file = await TreeFile.open(chunks, directory, tree)
    const reader = file.reader()
    try {
      for (; reader.peek(); reader.next()) {
        for (let ref = reader.nextRef(); ref; ref = reader.nextRef()) {
          if (ref.compare(hole, 0, 32, 4, 36) !== 0) need(ref, 4)
        }
      }
    } finally {
      reader.close()
    }
  }
  return needed
}

/** A snapshot's layers: the packs that it needs and indexes that list them, of earlier snapshots where those will do. */
export async function layersFor(
  contents: Contents,
  seal: Seal,
  needed: ReadonlySet<number>,
): Promise<Descriptor[]> {
  const { chunks, packs } = contents
  const own = [...needed].map((number) => {
    const found = packs.get(chunks.packs[number]?.digest ?? '')
    if (!found) throw new Error('a pack without a list')
    return found
  })
  const indexes = new Map(own.flatMap(({ index }) => (index ? [[index.digest, index] as const] : [])))
  const isScattered = indexes.size >= maxIndexes
  const unlisted = own.filter(({ index }) => isScattered || !index).map(({ pack }) => pack)
  const fresh = unlisted.length > 0 ? [await addIndex(chunks, seal, unlisted)] : []
  return [
    ...(isScattered ? [] : indexes.values()),
    ...fresh,
    ...own.map(({ pack: { digest, size } }) => ({ mediaType: mediaTypes.pack, digest, size })),
  ]
}

function addIndex({ repository }: ChunkStore, seal: Seal, packs: readonly PackList[]): Promise<Descriptor> {
  return repository.add(seal.seal(writeIndex(packs), 'index'), mediaTypes.chunkIndex)
}
