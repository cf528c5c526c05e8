/** A blob, by its digest. Bytes. */
export interface Blob {
  digest: string
  size: number
}

/** A pack that snapshots need which stay. Bytes of its chunks as they are stored. */
export interface PackUse extends Blob {
  storedBytes: number
  neededBytes: number
  /** A damaged snapshot needs it, or so it says: it stays as it is. */
  isFixed: boolean
  /** A snapshot has so many packs that small ones should be put together. */
  isCrowded: boolean
}

/** What prune does to blobs. */
export interface BlobPlan {
  /** Nothing needs them. */
  surplus: Blob[]
  /** What is needed of these goes into new packs. */
  repack: PackUse[]
  /** About so much less is stored afterwards. */
  freedBytes: number
}

/** Registries limit how many layers a manifest has: a snapshot that has more packs than these has its small ones put together. */
export const crowdedPacks = 256
const smallBytes = 16 << 20

/** Finds blobs that nothing needs, and packs that are worth writing anew: more than half of their chunks are not needed. */
export function planBlobs(
  blobs: readonly Blob[],
  needed: ReadonlySet<string>,
  packs: readonly PackUse[],
): BlobPlan {
  const free = packs.filter(({ isFixed }) => !isFixed)
  const wasted = free.filter(({ neededBytes, storedBytes }) => neededBytes * 2 < storedBytes)
  const small = free.filter(({ isCrowded, size }) => isCrowded && size < smallBytes)
  // One alone would be written anew each time.
  const repack = [...new Set([...wasted, ...(small.length > 1 ? small : [])])]
  const surplus = blobs.filter(({ digest }) => !needed.has(digest))
  const freedBytes = [
    ...surplus.map(({ size }) => size),
    ...repack.map(({ storedBytes, neededBytes }) => storedBytes - neededBytes),
  ].reduce((sum, bytes) => sum + bytes, 0)
  return { surplus, repack, freedBytes }
}
