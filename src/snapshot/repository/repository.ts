import { annotations, type Descriptor, type OciManifest } from './oci.ts'

/** A snapshot as a repository lists it, without its config being read. */
export interface ListedSnapshot {
  id: string
  /** ISO 8601, UTC. */
  createdAt: string
  manifest: Descriptor
  /** Names of its containers; absent where they are encrypted. */
  title?: string
}

/**
 * Where snapshots are kept: blobs by their digest, and manifests that name them. A blob or manifest is there whole or not at
 * all; what is read is compared with its digest by whoever reads it, because a part of a blob may be read alone.
 */
export interface Repository {
  /** For people and for `--repo`. */
  readonly name: string
  /** Newest first. */
  list(): Promise<ListedSnapshot[]>
  /** @throws WherryError `blob-missing` or `blob-damaged`. */
  readManifest(snapshot: ListedSnapshot): Promise<OciManifest>
  has(blob: Descriptor): Promise<boolean>
  /** All of a blob, or `length` bytes from `offset` on. @throws WherryError `blob-missing`, or `blob-damaged` when it is too short. */
  read(digest: string, offset?: number, length?: number): Promise<Buffer>
  /** Makes a file of this machine a blob; the file may be gone afterwards. Its digest is known to be right. */
  addFile(path: string, blob: Descriptor): Promise<void>
  add(content: Buffer, mediaType: string): Promise<Descriptor>
  /** Makes a snapshot of what has been added, at once or not at all. */
  publish(manifest: OciManifest, snapshot: Omit<ListedSnapshot, 'manifest'>): Promise<ListedSnapshot>
  /** Takes a snapshot off the list; its blobs stay until `prune`. */
  unlist(snapshots: readonly ListedSnapshot[]): Promise<void>
  /** A directory of this machine for files that are being made, on the same disk where that helps. */
  workDirectory(): Promise<string>
  /** Every blob that is there, needed or not; none where that cannot be told. */
  blobs(): Promise<{ digest: string; size: number }[]>
}

/** What a list of manifests says of a snapshot. */
export function listedOf(manifest: Descriptor): ListedSnapshot {
  const {
    [annotations.id]: id = '',
    [annotations.created]: createdAt = '',
    [annotations.title]: title,
  } = manifest.annotations ?? {}
  return { id, createdAt, manifest, ...(title === undefined ? {} : { title }) }
}

/** What a snapshot is listed with. */
export function annotationsOf({
  id,
  createdAt,
  title,
}: Omit<ListedSnapshot, 'manifest'>): Record<string, string> {
  return {
    [annotations.refName]: id,
    [annotations.id]: id,
    [annotations.created]: createdAt,
    ...(title === undefined ? {} : { [annotations.title]: title }),
  }
}
