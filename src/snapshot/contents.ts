import { ChunkStore } from './chunk-store.ts'
import type { PackList } from './pack-format.ts'
import { packFootBytes, packHeadBytes, packMagic, readChunkList } from './pack-format.ts'
import { type Descriptor, mediaTypes, type OciManifest } from './repository/oci.ts'
import type { ListedSnapshot, Repository } from './repository/repository.ts'
import type { Seal } from './seal.ts'

/** Everything that a repository holds already, as far as a new snapshot can use it. */
export interface Contents {
  snapshots: { listed: ListedSnapshot; manifest: OciManifest }[]
  chunks: ChunkStore
  /** Packs by digest, with the index blob that lists them; none for packs that no snapshot has. */
  packs: Map<string, { pack: PackList; index?: Descriptor }>
}

/** Reads every index, and what packs of runs that were broken off hold. */
export async function readContents(
  repository: Repository,
  seal: Seal,
  key: Descriptor | undefined,
): Promise<Contents> {
  const chunks = new ChunkStore(repository, seal)
  const packs: Contents['packs'] = new Map()
  const snapshots: Contents['snapshots'] = []
  const known = new Set<string>()
  const blobs = await repository.blobs()
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]))
  // A pack that is gone or cut short is nothing to build on: what was in it is stored again.
  const isThere = ({ digest, size }: PackList) => blobs.length === 0 || sizes.get(digest) === size
  for (const listed of await repository.list()) {
    const manifest = await repository.readManifest(listed).catch(() => undefined)
    // A damaged one is for `verify` to tell of, and must not keep new ones from being made.
    if (!manifest) continue
    known.add(listed.manifest.digest)
    for (const { digest } of [manifest.config, ...manifest.layers]) known.add(digest)
    // What another key seals is of no use here.
    if (manifest.layers.find(({ mediaType }) => mediaType === mediaTypes.key)?.digest !== key?.digest)
      continue
    snapshots.push({ listed, manifest })
    const own = new Set(manifest.layers.map(({ digest }) => digest))
    for (const index of manifest.layers.filter(({ mediaType }) => mediaType === mediaTypes.chunkIndex)) {
      // So is a damaged index: what it lists is stored anew.
      for (const pack of await chunks.readIndex(index).catch(() => [])) {
        if (own.has(pack.digest) && !packs.has(pack.digest) && isThere(pack))
          packs.set(pack.digest, { pack, index })
      }
    }
  }
  for (const blob of blobs) {
    if (known.has(blob.digest)) continue
    const pack = await readLoosePack(repository, seal, blob)
    if (pack) packs.set(blob.digest, { pack })
  }
  chunks.addPacks([...packs.values()].map(({ pack }) => pack))
  return { snapshots, chunks, packs }
}

/** What a blob that no snapshot names holds, if it is a whole pack: its last bytes say so. */
async function readLoosePack(
  repository: Repository,
  seal: Seal,
  { digest, size }: { digest: string; size: number },
): Promise<PackList | undefined> {
  if (size < packHeadBytes + packFootBytes) return undefined
  try {
    const foot = await repository.read(digest, size - packFootBytes, packFootBytes)
    if (foot.toString('latin1', 4) !== packMagic) return undefined
    const length = foot.readUInt32LE(0)
    const list = await repository.read(digest, size - packFootBytes - length, length)
    const chunks = readChunkList(seal.open(list, 'list'))
    const end = chunks.reduce((sum, { storedLength }) => sum + storedLength, packHeadBytes)
    return end === size - packFootBytes - length ? { digest, size, chunks } : undefined
  } catch {
    // Not one of ours, or damaged: then nothing builds on it.
    return undefined
  }
}
