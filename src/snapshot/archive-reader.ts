import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar-stream'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { damagedArchive, kindOf, notAnArchive, readDocument, storeBlob } from './archive-entries.ts'
import { digestThere } from './copy.ts'
import { digestOf } from './repository/directory.ts'
import { blobsOf, listedAs, maxManifestBytes, snapshotManifest } from './repository/manifest.ts'
import { type Descriptor, mediaTypes, type OciManifest } from './repository/oci.ts'
import type { ListedSnapshot, Repository } from './repository/repository.ts'

export interface ImportRequest {
  input: Readable
  /** Bytes of the archive, where they are known. */
  totalBytes?: number | undefined
  to: Repository
  report: Report
  signal: AbortSignal
}

/** What was imported. Bytes; those of blobs that were there already are in `bytesPresent`. */
export interface ImportResult {
  repo: string
  snapshots: { id: string; createdAt: string; title?: string; isNew: boolean }[]
  bytesStored: number
  bytesPresent: number
  totalSeconds: number
}

interface Taken {
  index: unknown
  bytesStored: number
  bytesPresent: number
}

/**
 * Takes the snapshots of an archive into a repository. Each blob is compared with its name before it becomes one, and nothing
 * is published before everything is there: an archive that is refused leaves at most blobs that belong to nothing.
 * @throws RefusedError `not-an-archive` or `id-taken` (exit 3), NotVerifiedError (exit 8) for one that is damaged or cut short.
 */
export async function importArchive(request: ImportRequest): Promise<ImportResult> {
  const startedMs = performance.now()
  const { report, to } = request
  report({ type: 'phase', phase: 'import', message: `reading the archive into ${to.name}` })
  const { index, bytesStored, bytesPresent } = await takeEntries(request)
  if (index === undefined) throw damagedArchive('it ends before its index.json')
  const snapshots: ImportResult['snapshots'] = []
  for (const { content, listed, there } of await wholeSnapshots(index, to)) {
    const { id, createdAt, title } = listed
    const named = { id, createdAt, ...(title === undefined ? {} : { title }) }
    if (there === undefined) await to.publishCopy(content, named)
    snapshots.push({ ...named, isNew: there === undefined })
  }
  const totalSeconds = (performance.now() - startedMs) / 1000
  return { repo: to.name, snapshots, bytesStored, bytesPresent, totalSeconds }
}

async function takeEntries(request: ImportRequest): Promise<Taken> {
  const archive = extract()
  const { input, signal } = request
  const read = pipeline(input, archive as unknown as NodeJS.WritableStream, { signal })
  const taken = takeFrom(archive, request)
  const [reading, taking] = await Promise.allSettled([read, taken])
  if (signal.aborted) throw new WherryError('interrupted', exitCodes.interrupted, 'Interrupted.')
  if (taking.status === 'rejected' && taking.reason instanceof WherryError) throw taking.reason
  for (const part of [reading, taking]) if (part.status === 'rejected') throw unreadable(part.reason)
  if (taking.status === 'rejected') throw taking.reason
  return taking.value
}

function unreadable(error: unknown): unknown {
  const message = messageOf(error)
  if (/unexpected end of data|premature close|writable stream closed/i.test(message)) {
    return damagedArchive('it is cut short', error)
  }
  return /header|format/i.test(message) ? notAnArchive('it is no tar file', error) : error
}

async function takeFrom(
  archive: ReturnType<typeof extract>,
  { report, to, totalBytes }: ImportRequest,
): Promise<Taken> {
  const taken: Taken = { index: undefined, bytesStored: 0, bytesPresent: 0 }
  let bytes = 0
  const progress = (more: number) => {
    bytes += more
    report({ type: 'bytes', phase: 'import', bytes, ...(totalBytes === undefined ? {} : { totalBytes }) })
  }
  for await (const entry of archive) {
    const kind = kindOf(entry.header)
    if (kind?.kind === 'blob') {
      const isThere = await storeBlob(entry, kind.digest, to, progress)
      taken[isThere ? 'bytesPresent' : 'bytesStored'] += entry.header.size
    } else if (kind?.kind === 'index') {
      if (taken.index !== undefined) throw notAnArchive('it has two files index.json')
      taken.index = await readDocument(entry)
    } else if (kind?.kind === 'layout') checkLayout(await readDocument(entry))
    else entry.resume()
  }
  return taken
}

function checkLayout(layout: unknown): void {
  const { imageLayoutVersion } = (layout ?? {}) as { imageLayoutVersion?: unknown }
  if (imageLayoutVersion !== '1.0.0') throw notAnArchive('it is no OCI image layout 1.0.0')
}

interface WholeSnapshot {
  content: Buffer
  listed: ListedSnapshot
  /** Its manifest's digest in the repository, where it is there already. */
  there: string | undefined
}

/** The snapshots that an index names, each with everything that it needs there. Others' manifests are passed over. */
async function wholeSnapshots(index: unknown, to: Repository): Promise<WholeSnapshot[]> {
  const { manifests } = (index ?? {}) as { manifests?: unknown }
  if (!Array.isArray(manifests)) throw notAnArchive('its index.json lists no manifests')
  const found = new Map<string, WholeSnapshot>()
  for (const blob of manifests as Partial<Descriptor>[]) {
    const { digest, mediaType, size } = blob ?? {}
    if (mediaType !== mediaTypes.manifest || !/^sha256:[0-9a-f]{64}$/.test(String(digest))) continue
    if (!Number.isSafeInteger(size) || Number(size) > maxManifestBytes) continue
    const wanted = { mediaType, digest: String(digest), size: Number(size) }
    const read = await readSnapshot(wanted, to)
    if (!read) continue
    await refuseIncomplete(read.manifest, read.listed, to)
    const there = await digestThere(to, read.listed, read.manifest)
    found.set(read.listed.id, { ...read, there })
  }
  if (found.size === 0) throw notAnArchive('it holds no snapshot')
  return [...found.values()]
}

async function readSnapshot(
  blob: Descriptor,
  to: Repository,
): Promise<{ content: Buffer; manifest: OciManifest; listed: ListedSnapshot } | undefined> {
  if (!(await to.has(blob))) throw damagedArchive(`manifest ${blob.digest} is missing`)
  const content = await to.read(blob.digest)
  if (digestOf(content) !== blob.digest)
    throw damagedArchive(`manifest ${blob.digest} is not what its name says`)
  const manifest = snapshotManifest(content)
  const listed = manifest && listedAs(manifest, { ...blob, artifactType: mediaTypes.snapshot })
  return manifest && listed ? { content, manifest, listed } : undefined
}

async function refuseIncomplete(
  manifest: OciManifest,
  { id }: ListedSnapshot,
  to: Repository,
): Promise<void> {
  const missing: string[] = []
  for (const blob of blobsOf(manifest)) if (!(await to.has(blob))) missing.push(blob.digest)
  if (missing.length === 0) return
  throw damagedArchive(`${missing.length} blobs of snapshot ${id} are missing, such as ${missing[0]}`)
}
