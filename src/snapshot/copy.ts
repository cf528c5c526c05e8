import { RefusedError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { inParallel } from './repository/in-parallel.ts'
import { blobsOf, ownManifest } from './repository/manifest.ts'
import type { Descriptor, OciManifest } from './repository/oci.ts'
import type { CopyTarget, ListedSnapshot, Repository } from './repository/repository.ts'

export interface CopyRequest {
  from: Repository
  to: CopyTarget
  snapshot: ListedSnapshot
  /** How many blobs at once. */
  atOnce?: number
  /** For progress: `push`, `pull` or `export`. */
  phase: string
  report: Report
  signal: AbortSignal
}

/** How a snapshot was copied. Bytes. */
export interface CopyResult {
  id: string
  createdAt: string
  title?: string
  from: string
  to: string
  /** `sha256:…` of its manifest where it was copied to. */
  digest: string
  /** Blobs that were not there, and those that were. */
  copied: { blobs: number; bytes: number }
  present: { blobs: number; bytes: number }
  totalSeconds: number
}

const blobsAtOnce = 3

/**
 * Copies one snapshot: first the blobs that are not there, each compared with its digest, then the manifest. Until then there
 * is nothing to see of it; blobs of a copy that was broken off are used by the next.
 * @throws NotVerifiedError (exit 8) when something is damaged where it comes from, RefusedError `id-taken`.
 */
export async function copySnapshot(request: CopyRequest): Promise<CopyResult> {
  const startedMs = performance.now()
  const { atOnce = blobsAtOnce, from, phase, report, signal, snapshot, to } = request
  const content = await from.readManifestContent(snapshot)
  const manifest = ownManifest(content, from.name, snapshot.id)
  const blobs = blobsOf(manifest)
  report({ type: 'phase', phase, message: `${snapshot.id} from ${from.name} to ${to.name}` })
  const digest = await digestThere(to, snapshot, manifest)
  if (digest !== undefined && digest !== snapshot.manifest.digest) {
    return resultOf(request, digest, [], blobs, startedMs)
  }
  const there = await inParallel(blobs, atOnce, (blob) => to.has(blob))
  const wanted = blobs.filter((_, index) => !there[index])
  const totalBytes = bytesOf(wanted)
  let bytes = 0
  const progress = (more: number) => {
    bytes += more
    report({ type: 'bytes', phase, bytes, totalBytes })
  }
  await inParallel(wanted, atOnce, (blob) => to.addFrom(blob, from, { progress, signal }))
  const { id, createdAt, title } = snapshot
  await to.publishCopy(content, { id, createdAt, ...(title === undefined ? {} : { title }) })
  return resultOf(request, snapshot.manifest.digest, wanted, blobs, startedMs)
}

/**
 * The manifest that a snapshot has in another repository already. It may be another one than here: what has been packed
 * anew since is the same snapshot still, with the same description.
 * @throws RefusedError `id-taken` when something else has its id.
 */
export async function digestThere(
  to: CopyTarget,
  { id }: Pick<ListedSnapshot, 'id'>,
  { config }: OciManifest,
): Promise<string | undefined> {
  const there = await to.holds(id)
  if (!there || there.config === config.digest) return there?.manifest
  throw new RefusedError('id-taken', `${to.name} has another snapshot under the id ${id}.`, {
    suggestions: ['Name another repository with --repo.'],
    data: { repository: to.name, id },
  })
}

function resultOf(
  { from, snapshot: { id, createdAt, title }, to }: CopyRequest,
  digest: string,
  copied: readonly Descriptor[],
  all: readonly Descriptor[],
  startedMs: number,
): CopyResult {
  const bytes = bytesOf(copied)
  return {
    id,
    createdAt,
    ...(title === undefined ? {} : { title }),
    from: from.name,
    to: to.name,
    digest,
    copied: { blobs: copied.length, bytes },
    present: { blobs: all.length - copied.length, bytes: bytesOf(all) - bytes },
    totalSeconds: (performance.now() - startedMs) / 1000,
  }
}

function bytesOf(blobs: readonly Descriptor[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0)
}
