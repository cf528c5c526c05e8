import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../../platform/files.ts'
import { damaged, missing } from './failures.ts'
import { withMutex } from './mutex.ts'
import { type Descriptor, isDescriptor, mediaTypes } from './oci.ts'

const ownFiles = new Set(['oci-layout', 'index.json', 'blobs', 'wherry'])
const layoutVersion = '1.0.0'
const indexFields = new Set([
  'schemaVersion',
  'mediaType',
  'artifactType',
  'manifests',
  'subject',
  'annotations',
])

/**
 * What a directory is. `unfinished`: somebody began to make a repository in it and nothing was kept there yet; `missing` and
 * `damaged`: a repository whose `oci-layout` is not what it was.
 */
export type LayoutState = 'whole' | 'foreign' | 'unfinished' | 'missing' | 'damaged'

/** The files of an OCI image layout beside its blobs: `oci-layout`, which says what it is, and the list in `index.json`. */
export class Layout {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** What the directory is. */
  async state(): Promise<LayoutState> {
    const names = await readdir(this.#path)
    const text = await readFile(join(this.#path, 'oci-layout'), 'utf8').catch(() => undefined)
    if (text !== undefined && isLayout(text)) return 'whole'
    if (!names.includes('wherry') || !names.every((name) => ownFiles.has(name))) return 'foreign'
    if (await this.#isEmpty()) return 'unfinished'
    return text === undefined ? 'missing' : 'damaged'
  }

  /** Makes what is not there yet. The list comes first: what has no `oci-layout` is not a repository yet. */
  async finish(): Promise<void> {
    await this.#alone(async () => {
      const names = await readdir(this.#path)
      if (!names.includes('index.json')) await this.#write([])
      const content = JSON.stringify({ imageLayoutVersion: layoutVersion })
      if (!names.includes('oci-layout')) await writeFileAtomically(join(this.#path, 'oci-layout'), content)
    })
  }

  /** All that is listed, snapshots and others. @throws WherryError `blob-missing`, NotVerifiedError when it is damaged. */
  async read(): Promise<Descriptor[]> {
    const found = await this.parse()
    if (found?.isWhole && found.entries.every(isDescriptor)) return found.entries
    throw damaged(this.#path, 'index.json')
  }

  /**
   * What can be made of `index.json`, whatever it holds; undefined where it is nothing that can be read.
   * @throws WherryError `blob-missing`
   */
  async parse(): Promise<{ isWhole: boolean; entries: unknown[] } | undefined> {
    const text = await readFile(join(this.#path, 'index.json'), 'utf8').catch(
      (error: NodeJS.ErrnoException) => {
        throw error.code === 'ENOENT' ? missing(this.#path, 'index.json') : error
      },
    )
    try {
      const index = JSON.parse(text)
      return Array.isArray(index.manifests)
        ? { isWhole: isIndex(index), entries: index.manifests }
        : undefined
    } catch {
      return undefined
    }
  }

  /** Changes the list, at once, while nobody else does. */
  async change(change: (entries: Descriptor[]) => Descriptor[]): Promise<void> {
    await this.#alone(async () => this.#write(change(await this.read())))
  }

  async #alone(action: () => Promise<void>): Promise<void> {
    await withMutex(join(this.#path, 'wherry', 'index.lock'), action)
  }

  async #write(manifests: Descriptor[]): Promise<void> {
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests }
    await writeFileAtomically(join(this.#path, 'index.json'), `${JSON.stringify(index, undefined, 1)}\n`)
  }

  /** Whether no blob is there and nothing is listed: then nothing can be lost. */
  async #isEmpty(): Promise<boolean> {
    const blobs = await readdir(join(this.#path, 'blobs', 'sha256')).catch(() => [])
    if (blobs.length > 0) return false
    const listed = await this.parse().catch(() => ({ entries: [] }))
    return listed?.entries.length === 0
  }
}

/** Other programs leave the media type out (image-index.md); a field that is none is a damaged one. */
function isIndex(index: Record<string, unknown>): boolean {
  const { mediaType = mediaTypes.index, schemaVersion } = index
  const isKnown = Object.keys(index).every((field) => indexFields.has(field))
  return isKnown && mediaType === mediaTypes.index && schemaVersion === 2
}

function isLayout(text: string): boolean {
  try {
    return (JSON.parse(text) as { imageLayoutVersion?: string } | null)?.imageLayoutVersion === layoutVersion
  } catch {
    return false
  }
}
