/** The parts of the OCI image specification 1.1 that a snapshot uses (image-layout.md, manifest.md, image-index.md). */

/** Where a blob is and what is in it. `digest` is `sha256:` and 64 hexadecimal digits, `size` bytes. */
export interface Descriptor {
  mediaType: string
  digest: string
  size: number
  annotations?: Record<string, string>
  artifactType?: string
}

export interface OciManifest {
  schemaVersion: 2
  mediaType: typeof mediaTypes.manifest
  artifactType: typeof mediaTypes.snapshot
  config: Descriptor
  layers: Descriptor[]
  annotations?: Record<string, string>
}

export const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  snapshot: 'application/vnd.wherry.snapshot.v1',
  config: 'application/vnd.wherry.snapshot.config.v1+json',
  chunkIndex: 'application/vnd.wherry.snapshot.index.v1',
  pack: 'application/vnd.wherry.snapshot.pack.v1',
  key: 'application/vnd.wherry.snapshot.key.v1+age',
} as const

export const annotations = {
  /** The name under which an image layout finds a manifest (image-layout.md). */
  refName: 'org.opencontainers.image.ref.name',
  created: 'org.opencontainers.image.created',
  title: 'org.opencontainers.image.title',
  id: 'io.wherry.snapshot.id',
} as const

const digestPattern = /^sha256:([0-9a-f]{64})$/

/** The hexadecimal part of a digest. @throws RangeError for anything else: what comes from outside becomes a file's name. */
export function hexOf(digest: string): string {
  const hex = digestPattern.exec(digest)?.[1]
  if (hex === undefined) throw new RangeError(`not a SHA-256 digest: ${JSON.stringify(digest).slice(0, 100)}`)
  return hex
}

/** Whether something that was read is a descriptor. */
export function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== 'object' || value === null) return false
  const { mediaType, digest, size, annotations: notes } = value as Partial<Descriptor>
  const areNotes = (of: object | null) =>
    of !== null && Object.values(of).every((note) => typeof note === 'string')
  return (
    typeof mediaType === 'string' &&
    typeof digest === 'string' &&
    digestPattern.test(digest) &&
    Number.isSafeInteger(size) &&
    Number(size) >= 0 &&
    (notes === undefined || (typeof notes === 'object' && areNotes(notes)))
  )
}

/** The manifest of a snapshot from its blob. @throws SyntaxError or RangeError for anything else. */
export function parseManifest(content: Buffer): OciManifest {
  const found = JSON.parse(content.toString()) as Partial<OciManifest> | null
  if (
    found?.artifactType !== mediaTypes.snapshot ||
    found.schemaVersion !== 2 ||
    !isDescriptor(found.config) ||
    !Array.isArray(found.layers)
  )
    throw new RangeError('not the manifest of a snapshot')
  if (!found.layers.every(isDescriptor)) throw new RangeError('a layer is not described')
  return found as OciManifest
}
