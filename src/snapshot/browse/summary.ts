import { messageOf, RefusedError } from '../../model/errors.ts'
import type { SnapshotConfig, Standstill } from '../config.ts'
import { readConfig } from '../read-config.ts'
import { mediaTypes, type OciManifest } from '../repository/oci.ts'
import type { ListedSnapshot, Repository } from '../repository/repository.ts'
import type { Seal, SealOf } from '../seal.ts'

/** A snapshot in a list. Sizes in bytes, times in ISO 8601. */
export interface SnapshotSummary {
  id: string
  createdAt: string
  /** When everything stood still. */
  instant?: string
  containers: string[]
  engine?: string
  standstill?: Standstill
  volumes?: number
  /** Whether containers can go on from their memory: `restore --memory`. */
  hasMemory?: boolean
  files?: number
  /** Of all files, holes included. */
  bytes?: number
  /** Of the packs that it needs, which other snapshots may need too. */
  storedBytes?: number
  /** It is encrypted, and no key was given that opens it. */
  isLocked?: true
  /** Why it cannot be read; nothing but what the repository's list says is there then. */
  damage?: string
}

/** A snapshot with all that is known of it. */
export interface OpenedSnapshot {
  listed: ListedSnapshot
  manifest: OciManifest
  config: SnapshotConfig
  seal: Seal
}

/** Reads what a snapshot is. @throws NotVerifiedError when it is damaged, WherryError `blob-missing`. */
export async function openSnapshot(
  repository: Repository,
  sealOf: SealOf,
  listed: ListedSnapshot,
): Promise<OpenedSnapshot> {
  const manifest = await repository.readManifest(listed)
  const seal = await sealOf(manifest)
  return { listed, manifest, seal, config: await readConfig(repository, seal, manifest.config) }
}

/** All snapshots, the newest last; with a container, those that hold it. */
export async function summaries(
  repository: Repository,
  sealOf: SealOf,
  container: string | undefined,
): Promise<SnapshotSummary[]> {
  const found: SnapshotSummary[] = []
  for (const listed of (await repository.list()).toReversed()) {
    const summary = await openSnapshot(repository, sealOf, listed).then(summaryOf, (error) => ({
      id: listed.id,
      createdAt: listed.createdAt,
      containers: listed.title?.split(', ') ?? [],
      ...(error instanceof RefusedError ? { isLocked: true as const } : { damage: messageOf(error) }),
    }))
    if (container === undefined || summary.containers.includes(container)) found.push(summary)
  }
  return found
}

/** What a list shows of a snapshot. */
export function summaryOf({ config, listed, manifest }: OpenedSnapshot): SnapshotSummary {
  const { containers, engine, instant, standstill, trees } = config
  const packs = manifest.layers.filter(({ mediaType }) => mediaType === mediaTypes.pack)
  return {
    id: listed.id,
    createdAt: listed.createdAt,
    instant,
    containers: containers.map(({ name }) => name),
    engine: engine.name,
    standstill,
    volumes: trees.filter(({ kind }) => !['layer', 'memory'].includes(kind)).length,
    hasMemory: trees.some(({ kind }) => kind === 'memory'),
    files: trees.reduce((sum, { files }) => sum + files, 0),
    bytes: trees.reduce((sum, { bytes }) => sum + bytes, 0),
    storedBytes: packs.reduce((sum, { size }) => sum + size, 0),
  }
}
