import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { RefusedError } from '../../model/errors.ts'
import { readJson, syncDirectory, writeFileAtomically } from '../../platform/files.ts'
import { damaged, missing } from './failures.ts'
import { layoutEntry, listedIn, ownManifest } from './manifest.ts'
import { withMutex } from './mutex.ts'
import { annotations, type Descriptor, hexOf, mediaTypes, type OciManifest } from './oci.ts'
import { receive } from './receive.ts'
import type { BlobSource, ListedSnapshot, Repository, TransferOptions } from './repository.ts'
import { workDirectory } from './work-directory.ts'

const ownFiles = new Set(['oci-layout', 'index.json', 'blobs', 'wherry'])
const layoutVersion = '1.0.0'
const privateDirectory = 0o700

interface LayoutIndex {
  schemaVersion: 2
  mediaType: typeof mediaTypes.index
  manifests: Descriptor[]
}

/** A repository in a directory: an OCI image layout, readable by its owner alone. */
export class DirectoryRepository implements Repository {
  readonly name: string
  readonly #path: string

  private constructor(path: string) {
    this.name = path
    this.#path = path
  }

  /** Opens what is there. @throws RefusedError `no-repository`, or `not-a-repository` for a directory of something else. */
  static async open(path: string): Promise<DirectoryRepository> {
    const found = await namesIn(path)
    if (!found?.length) {
      throw new RefusedError('no-repository', `There is no repository at ${path}.`, {
        suggestions: ['Name another with --repo, or make a first snapshot: wherry snapshot create CONTAINER'],
        data: { path },
      })
    }
    return DirectoryRepository.#opened(path, found)
  }

  /** Opens what is there, or makes a repository where there is nothing or an empty directory. */
  static async openOrCreate(path: string): Promise<DirectoryRepository> {
    const found = await namesIn(path)
    if (found?.length) return DirectoryRepository.#opened(path, found)
    await mkdir(path, { recursive: true, mode: privateDirectory })
    await mkdir(join(path, 'blobs', 'sha256'), { recursive: true, mode: privateDirectory })
    await mkdir(join(path, 'wherry', 'incoming'), { recursive: true, mode: privateDirectory })
    const repository = new DirectoryRepository(path)
    await repository.#writeIndex([])
    // Last: what is there without it is not a repository yet.
    await writeFileAtomically(join(path, 'oci-layout'), JSON.stringify({ imageLayoutVersion: layoutVersion }))
    return repository
  }

  static async #opened(path: string, names: readonly string[]): Promise<DirectoryRepository> {
    const layout = await readJson<{ imageLayoutVersion?: string }>(join(path, 'oci-layout')).catch(
      () => undefined,
    )
    const halfMade = names.every((name) => ownFiles.has(name)) && names.includes('wherry')
    if (layout?.imageLayoutVersion !== layoutVersion && !halfMade) {
      throw new RefusedError(
        'not-a-repository',
        `${path} holds something that is no OCI image layout ${layoutVersion}.`,
        {
          suggestions: ['Name an empty directory, or one that does not exist yet.'],
          data: { path },
        },
      )
    }
    const repository = new DirectoryRepository(path)
    await mkdir(join(path, 'blobs', 'sha256'), { recursive: true, mode: privateDirectory })
    await mkdir(join(path, 'wherry', 'incoming'), { recursive: true, mode: privateDirectory })
    if (!layout) {
      if (!names.includes('index.json')) await repository.#writeIndex([])
      await writeFileAtomically(
        join(path, 'oci-layout'),
        JSON.stringify({ imageLayoutVersion: layoutVersion }),
      )
    }
    return repository
  }

  async list(): Promise<ListedSnapshot[]> {
    const { manifests } = await this.#readIndex()
    const found = new Map<string, ListedSnapshot>()
    for (const manifest of manifests) {
      const listed = await listedIn(manifest, (digest) => this.read(digest))
      // Whoever copies with another program may give it a name of its own beside its id.
      if (listed) found.set(listed.id, listed)
    }
    return [...found.values()].toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
  }

  async holds(id: string): Promise<{ manifest: string; config: string } | undefined> {
    const listed = (await this.list()).find((snapshot) => snapshot.id === id)
    return (
      listed && { manifest: listed.manifest.digest, config: (await this.readManifest(listed)).config.digest }
    )
  }

  async readManifest(snapshot: ListedSnapshot): Promise<OciManifest> {
    return ownManifest(await this.readManifestContent(snapshot), this.name, snapshot.id)
  }

  async readManifestContent({ id, manifest }: ListedSnapshot): Promise<Buffer> {
    const content = await this.read(manifest.digest)
    if (digestOf(content) !== manifest.digest) throw damaged(this.name, `The manifest of snapshot ${id}`)
    return content
  }

  async has({ digest, size }: Descriptor): Promise<boolean> {
    return (await stat(this.#blob(digest)).catch(() => undefined))?.size === size
  }

  async read(digest: string, offset = 0, length?: number): Promise<Buffer> {
    const what = `Blob ${digest}`
    const file = await open(this.#blob(digest), 'r').catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? missing(this.name, what) : error
    })
    try {
      const wanted = length ?? (await file.stat()).size - offset
      const content = Buffer.allocUnsafeSlow(wanted)
      for (let done = 0; done < wanted; ) {
        const { bytesRead } = await file.read(content, done, wanted - done, offset + done)
        if (bytesRead === 0) throw damaged(this.name, what)
        done += bytesRead
      }
      return content
    } finally {
      await file.close()
    }
  }

  async addFile(path: string, { digest }: Descriptor): Promise<void> {
    const file = await open(path, 'r')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(path, this.#blob(digest))
    await syncDirectory(join(this.#path, 'blobs', 'sha256'))
  }

  async add(content: Buffer, mediaType: string): Promise<Descriptor> {
    const blob = { mediaType, digest: digestOf(content), size: content.length }
    if (!(await this.has(blob))) await writeFileAtomically(this.#blob(blob.digest), content)
    return blob
  }

  async addFrom(blob: Descriptor, source: BlobSource, options: TransferOptions): Promise<void> {
    await this.addFile(await receive(await this.workDirectory(), blob, source, options), blob)
  }

  publish(manifest: OciManifest, snapshot: Omit<ListedSnapshot, 'manifest'>): Promise<ListedSnapshot> {
    return this.publishCopy(Buffer.from(JSON.stringify(manifest)), snapshot)
  }

  async publishCopy(content: Buffer, snapshot: Omit<ListedSnapshot, 'manifest'>): Promise<ListedSnapshot> {
    const { id, createdAt, title } = snapshot
    const listed = layoutEntry(await this.add(content, mediaTypes.manifest), snapshot)
    await this.#change((manifests) => [
      ...manifests.filter((other) => other.annotations?.[annotations.id] !== id),
      listed,
    ])
    return { id, createdAt, manifest: listed, ...(title === undefined ? {} : { title }) }
  }

  async unlist(snapshots: readonly ListedSnapshot[]): Promise<void> {
    const digests = new Set(snapshots.map(({ manifest }) => manifest.digest))
    await this.#change((manifests) => manifests.filter(({ digest }) => !digests.has(digest)))
  }

  workDirectory(): Promise<string> {
    return workDirectory(join(this.#path, 'wherry'))
  }

  async blobs(): Promise<{ digest: string; size: number }[]> {
    const path = join(this.#path, 'blobs', 'sha256')
    const found: { digest: string; size: number }[] = []
    for (const name of await readdir(path)) {
      const size = (await stat(join(path, name)).catch(() => undefined))?.size
      if (/^[0-9a-f]{64}$/.test(name) && size !== undefined) found.push({ digest: `sha256:${name}`, size })
    }
    return found
  }

  /** Removes blobs that nothing needs. */
  async removeBlobs(digests: readonly string[]): Promise<void> {
    for (const digest of digests) await rm(this.#blob(digest), { force: true })
    await syncDirectory(join(this.#path, 'blobs', 'sha256'))
  }

  /** Where the locks of this repository are. */
  get lockDirectory(): string {
    return join(this.#path, 'wherry', 'locks')
  }

  #blob(digest: string): string {
    return join(this.#path, 'blobs', 'sha256', hexOf(digest))
  }

  async #readIndex(): Promise<LayoutIndex> {
    const path = join(this.#path, 'index.json')
    try {
      const index = JSON.parse(await readFile(path, 'utf8')) as LayoutIndex
      if (!Array.isArray(index.manifests)) throw new TypeError('no manifests')
      return index
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw missing(this.name, 'index.json')
      if ((error as NodeJS.ErrnoException).code !== undefined) throw error
      throw damaged(this.name, 'index.json', error)
    }
  }

  async #writeIndex(manifests: Descriptor[]): Promise<void> {
    const index: LayoutIndex = { schemaVersion: 2, mediaType: mediaTypes.index, manifests }
    await writeFileAtomically(join(this.#path, 'index.json'), `${JSON.stringify(index, undefined, 1)}\n`)
  }

  /** Changes the list while nobody else does. */
  async #change(change: (manifests: Descriptor[]) => Descriptor[]): Promise<void> {
    await withMutex(join(this.#path, 'wherry', 'index.lock'), async () => {
      const { manifests } = await this.#readIndex()
      await this.#writeIndex(change(manifests))
    })
  }
}

/** The digest of a blob's content. */
export function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

async function namesIn(path: string): Promise<string[] | undefined> {
  try {
    return await readdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code === 'ENOTDIR') {
      throw new RefusedError('not-a-repository', `${path} is a file and no directory.`, { data: { path } })
    }
    if (code === 'EACCES') {
      throw new RefusedError('repository-not-readable', `${path} may not be read by you.`, { data: { path } })
    }
    throw error
  }
}
