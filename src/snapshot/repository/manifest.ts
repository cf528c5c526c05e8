import { hash } from 'node:crypto'
import { damaged } from './failures.ts'
import { annotations, type Descriptor, mediaTypes, type OciManifest, parseManifest } from './oci.ts'
import { annotationsOf, type ListedSnapshot, listedOf } from './repository.ts'

/** A manifest is read into memory; registries take none that is larger than 4 MiB. */
export const maxManifestBytes = 16 << 20
/** What a snapshot's tag and name in a layout looks like. */
export const idPattern = /^[0-9a-f]{12}$/

/** Reads a manifest that may have been made by anybody. @returns undefined when it is no snapshot's, or makes no sense. */
export function snapshotManifest(content: Buffer): OciManifest | undefined {
  try {
    return parseManifest(content)
  } catch {
    return undefined
  }
}

/** A manifest of this repository. @throws NotVerifiedError when it makes no sense. */
export function ownManifest(content: Buffer, repository: string, id: string): OciManifest {
  const manifest = snapshotManifest(content)
  if (!manifest) throw damaged(repository, `The manifest of snapshot ${id}`)
  return manifest
}

/** What a repository lists of a snapshot, from its manifest; undefined when that has no id. */
export function listedAs({ annotations: texts }: OciManifest, blob: Descriptor): ListedSnapshot | undefined {
  const words = Object.entries(texts ?? {}).filter(([, text]) => typeof text === 'string')
  const listed = listedOf({ ...blob, annotations: Object.fromEntries(words) })
  return idPattern.test(listed.id) ? { ...listed, manifest: blob } : undefined
}

/** A snapshot's entry in the index of a layout, which can be listed without its manifest. */
export function layoutEntry(blob: Descriptor, snapshot: Omit<ListedSnapshot, 'manifest'>): Descriptor {
  return { ...blob, artifactType: mediaTypes.snapshot, annotations: annotationsOf(snapshot) }
}

/**
 * What the index of a layout lists of a snapshot; undefined for anything else. Other programs that copy manifests write
 * indexes without what wherry writes into them: the manifest has it too.
 */
export async function listedIn(
  entry: Descriptor,
  read: (digest: string) => Promise<Buffer>,
): Promise<ListedSnapshot | undefined> {
  const { annotations: texts, artifactType, digest, mediaType, size } = entry
  if (artifactType === mediaTypes.snapshot && texts?.[annotations.id]) return listedOf(entry)
  if (artifactType || mediaType !== mediaTypes.manifest || size > maxManifestBytes) return undefined
  // What cannot be read may be anything; it is looked at where everything is.
  const content = await read(digest).catch(() => undefined)
  const isRight = content && `sha256:${hash('sha256', content)}` === digest
  const manifest = isRight ? snapshotManifest(content) : undefined
  return manifest && listedAs(manifest, { ...entry, artifactType: mediaTypes.snapshot })
}

/** Every blob that a manifest names, each once. */
export function blobsOf({ config, layers }: OciManifest): Descriptor[] {
  return [...new Map([config, ...layers].map((blob) => [blob.digest, blob] as const)).values()]
}
