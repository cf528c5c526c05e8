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

/** A blob is sent and fetched in pieces of so many bytes: each is in memory whole. */
export const pieceBytes = 8 << 20

/** Where a blob is read from. */
export type BlobSource = Pick<Repository, 'name' | 'read'>

export interface TransferOptions {
  /** Called with the bytes that came to be there: fewer than none where some have to be sent again. */
  progress: (bytes: number) => void
  signal?: AbortSignal | undefined
}

/** Where a snapshot can be copied to. */
export interface CopyTarget {
  /** For people and for `--repo`. */
  readonly name: string
  has(blob: Descriptor): Promise<boolean>
  /**
   * Copies a blob, piece by piece, and compares it with its digest before it is one. What an interruption left is used again.
   * @throws NotVerifiedError when it is damaged where it comes from.
   */
  addFrom(blob: Descriptor, source: BlobSource, options: TransferOptions): Promise<void>
  /** What is there under an id: the digests of its manifest and of its description. @throws as `readManifest`. */
  holds(id: string): Promise<{ manifest: string; config: string } | undefined>
  /** As `publish`, with the manifest byte for byte as it is elsewhere. */
  publishCopy(content: Buffer, snapshot: Omit<ListedSnapshot, 'manifest'>): Promise<ListedSnapshot>
}

/**
 * Where snapshots are kept: blobs by their digest, and manifests that name them. A blob or manifest is there whole or not at
 * all; what is read is compared with its digest by whoever reads it, because a part of a blob may be read alone.
 */
export interface Repository extends CopyTarget {
  /** Newest first. */
  list(): Promise<ListedSnapshot[]>
  /** @throws WherryError `blob-missing` or `blob-damaged`. */
  readManifest(snapshot: ListedSnapshot): Promise<OciManifest>
  /** The manifest byte for byte, compared with its digest. @throws as `readManifest`. */
  readManifestContent(snapshot: ListedSnapshot): Promise<Buffer>
  /**
   * All of a blob, or `length` bytes from `offset` on; in `memory`, where that is given and serves.
   * @throws WherryError `blob-missing`, or `blob-damaged` when it is too short.
   */
  read(digest: string, offset?: number, length?: number, memory?: Buffer): Promise<Buffer>
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
