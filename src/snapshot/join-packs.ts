import { DigestSet } from '../agent/snapshot/digest-set.ts'
import { ChunkStore } from './chunk-store.ts'
import type { Contents } from './contents.ts'
import { copyNeeded } from './copy-needed.ts'
import type { Needed } from './layers.ts'
import { PackWriter } from './pack-writer.ts'
import type { PublishRequest } from './publish.ts'

/** A snapshot of more packs than this has its smallest ones joined: registries take about 500 layers, and there are indexes and a key. */
export const mostPacks = 400

/** Into so many new packs at most. */
const joinedInto = 50

/**
 * Copies what a snapshot needs of its smallest packs into few new ones, half of all packs at once, so that it is long until the next
 * time. What is there stays as it is, for other snapshots.
 * @returns what the repository holds then, as far as the snapshot needs it.
 */
export async function joinPacks(request: PublishRequest, { packs, chunks }: Needed): Promise<Contents> {
  const { contents, directory, report, repository, seal } = request
  report({ type: 'phase', phase: 'join', message: `joining small packs: there are ${packs.size}` })
  const own = [...packs].flatMap(
    (number) => contents.packs.get(contents.chunks.packs[number]?.digest ?? '') ?? [],
  )
  const bySize = own.toSorted((a, b) => a.pack.size - b.pack.size)
  const going = bySize.slice(0, Math.ceil(own.length / 2)).map(({ pack }) => pack)
  const copied = new DigestSet()
  for (const { pack } of bySize.slice(going.length)) for (const { digest } of pack.chunks) copied.add(digest)
  const bytes = going.reduce((sum, { size }) => sum + size, 0)
  const writer = new PackWriter(repository, directory, seal, Math.ceil(bytes / joinedInto))
  const gone = new Set<string>()
  try {
    const copy = { ...request, needed: chunks, copied, writer }
    for (const pack of going) if (await copyNeeded(copy, pack)) gone.add(pack.digest)
    await writer.end()
  } finally {
    await writer.discard()
  }
  // Nothing else: a chunk that other packs have, too, would be found there.
  const stay = own.filter(({ pack }) => !gone.has(pack.digest))
  const after: Contents['packs'] = new Map(stay.map((one) => [one.pack.digest, one]))
  for (const pack of writer.packs) after.set(pack.digest, { pack })
  const store = new ChunkStore(repository, seal)
  store.addPacks([...after.values()].map(({ pack }) => pack))
  return { snapshots: contents.snapshots, chunks: store, packs: after }
}
