import { DigestSet } from '../agent/snapshot/digest-set.ts'
import { ChunkStore } from './chunk-store.ts'
import type { Contents } from './contents.ts'
import { copyNeeded } from './copy-needed.ts'
import type { Needed } from './layers.ts'
import type { PackList } from './pack-format.ts'
import { PackWriter } from './pack-writer.ts'
import type { PublishRequest } from './publish.ts'

/** A snapshot of more packs than this has its smallest ones joined: registries take about 500 layers, and there are indexes and a key. */
export const mostPacks = 400

/**
 * Copies what a snapshot needs of its smallest packs into few new ones, half of all packs at once, so that it is long until the next
 * time. What is there stays as it is, for other snapshots.
 * @returns what the repository holds then, as the snapshot is to see it.
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
  const writer = new PackWriter(repository, directory, seal)
  const gone = new Set<string>()
  try {
    const copy = { ...request, needed: chunks, copied, writer }
    for (const pack of going) if (await copyNeeded(copy, pack)) gone.add(pack.digest)
    await writer.end()
  } finally {
    await writer.discard()
  }
  return without(contents, gone, writer.packs, new ChunkStore(repository, seal))
}

function without(
  { packs, snapshots }: Contents,
  gone: ReadonlySet<string>,
  written: readonly PackList[],
  chunks: ChunkStore,
): Contents {
  const after = new Map([...packs].filter(([digest]) => !gone.has(digest)))
  for (const pack of written) after.set(pack.digest, { pack })
  chunks.addPacks([...after.values()].map(({ pack }) => pack))
  return { snapshots, chunks, packs: after }
}
