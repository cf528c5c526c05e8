import { NotVerifiedError } from '../../model/errors.ts'

/** What an archive says of its image, with nothing in it but what an engine has to know. */
export interface ArchivedImage {
  /** Digest of the configuration, hexadecimal. */
  config: string
  /** manifest.json anew. */
  document: Buffer
}

const configPath = /^(?:blobs\/sha256\/)?([0-9a-f]{64})(?:\.json)?$/
const layerPath = /^(blobs\/sha256\/[0-9a-f]{64}|[0-9a-f]{64}\/layer\.tar)$/
/** An index leads to manifests, and a manifest to a configuration. */
const maxSteps = 3

/** manifest.json of an archive: one image, by the digest of its configuration, with no name. @throws NotVerifiedError */
export function plainManifest(content: Buffer): ArchivedImage {
  const images = parsed(content, 'manifest.json')
  const [image, ...others] = Array.isArray(images) ? images : []
  if (!image || others.length > 0) throw notTheImage('it does not hold one image')
  const { Config, Layers } = image as { Config?: unknown; Layers?: unknown }
  const config = configPath.exec(String(Config))?.[1]
  const isWhole = Array.isArray(Layers) && Layers.every((layer) => layerPath.test(String(layer)))
  if (config === undefined || !isWhole) throw notTheImage('its description is none')
  // Named field by field: engines do not mind how the names of fields are written, so that a further one could hide here.
  return { config, document: Buffer.from(JSON.stringify([{ Config, RepoTags: null, Layers }])) }
}

/** index.json of an archive: engines with containerd's image store read names from its annotations. @throws NotVerifiedError */
export function plainIndex(content: Buffer): Buffer {
  const { manifests } = (parsed(content, 'index.json') ?? {}) as { manifests?: unknown }
  const plain = (Array.isArray(manifests) ? manifests : []).map((one) => {
    const { mediaType, digest, size } = (one ?? {}) as Record<string, unknown>
    return { mediaType, digest, size }
  })
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: plain }))
}

/**
 * Whether an image's id, over documents whose digests are right, is that of this configuration: it is its digest, or with
 * containerd's image store that of a manifest or an index that leads there.
 */
export function leadsTo(
  documents: ReadonlyMap<string, Buffer>,
  id: string,
  config: string,
  steps = maxSteps,
): boolean {
  const content = documents.get(id)
  if (!content || steps === 0) return false
  if (id === config) return true
  const { config: named, manifests } = (parsed(content, id) ?? {}) as Record<string, unknown>
  const next = [named, ...(Array.isArray(manifests) ? manifests : [])].map((one) =>
    String((one as { digest?: unknown } | undefined)?.digest).replace(/^sha256:/, ''),
  )
  return next.some((digest) => leadsTo(documents, digest, config, steps - 1))
}

export function notTheImage(why: string): NotVerifiedError {
  return new NotVerifiedError(`The image in the snapshot is not the one that it is said to be: ${why}.`, {
    suggestions: ['Take another snapshot, or load the image on the target yourself, and restore again.'],
  })
}

function parsed(content: Buffer, name: string): unknown {
  try {
    return JSON.parse(content.toString())
  } catch {
    throw notTheImage(`its ${name} cannot be read`)
  }
}
