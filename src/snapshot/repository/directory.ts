import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { RefusedError } from '../../model/errors.ts'
import { syncDirectory, writeFileAtomically } from '../../platform/files.ts'
import { damaged, missing, noRepository, notARepository } from './failures.ts'
import { halfWritten } from './half-written.ts'
import { Layout, type LayoutState } from './layout.ts'
import { layoutEntry, listedIn, ownManifest } from './manifest.ts'
import { annotations, type Descriptor, hexOf, mediaTypes, type OciManifest } from './oci.ts'
import { receive } from './receive.ts'
import {
  type BlobSource,
  type ListedSnapshot,
  listedOf,
  type Repository,
  type TransferOptions,
} from './repository.ts'
import { workDirectory } from './work-directory.ts'

const privateDirectory = 0o700

/** A repository in a directory: an OCI image layout, readable by its owner alone. */
export class DirectoryRepository implements Repository {
  readonly name: string
  readonly #path: string
  /** `oci-layout` and `index.json`. */
  readonly layout: Layout

  private constructor(path: string) {
    this.name = path
    this.#path = path
    this.layout = new Layout(path)
  }

  /**
   * Opens what is there. `evenDamaged`: also where `oci-layout` is missing or damaged.
   * @throws RefusedError `no-repository`, or `not-a-repository` for a directory of something else.
   */
  static async open(path: string, { evenDamaged = false } = {}): Promise<DirectoryRepository> {
    const names = await namesIn(path)
    if (!names?.length) throw noRepository(path)
    const repository = new DirectoryRepository(path)
    const state = await repository.layout.state()
    if (state === 'unfinished') throw noRepository(path)
    return repository.#opened(state, evenDamaged)
  }

  /** Opens what is there, or makes a repository where there is nothing or an empty directory. */
  static async openOrCreate(path: string): Promise<DirectoryRepository> {
    const names = await namesIn(path)
    const repository = new DirectoryRepository(path)
    const state = names?.length ? await repository.layout.state() : 'unfinished'
    if (state !== 'unfinished') return repository.#opened(state, false)
    await repository.#makeDirectories()
    await repository.layout.finish()
    return repository
  }

  async #opened(state: LayoutState, evenDamaged: boolean): Promise<this> {
    if (state === 'foreign') throw notARepository(this.#path)
    if (state === 'missing' && !evenDamaged) throw missing(this.name, 'oci-layout')
    if (state === 'damaged' && !evenDamaged) throw damaged(this.name, 'oci-layout')
    await this.#makeDirectories()
    return this
  }

  async #makeDirectories(): Promise<void> {
    await mkdir(join(this.#path, 'blobs', 'sha256'), { recursive: true, mode: privateDirectory })
    await mkdir(join(this.#path, 'wherry', 'incoming'), { recursive: true, mode: privateDirectory })
  }

  async list(): Promise<ListedSnapshot[]> {
    const found = new Map<string, ListedSnapshot>()
    for (const manifest of await this.layout.read()) {
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

  async read(digest: string, offset = 0, length?: number, memory?: Buffer): Promise<Buffer> {
    const what = `Blob ${digest}`
    const file = await open(this.#blob(digest), 'r').catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? missing(this.name, what) : error
    })
    try {
      const { size } = await file.stat()
      const wanted = length ?? size - offset
      // Before memory is taken: a damaged list may ask for anything.
      if (offset + wanted > size) throw damaged(this.name, what)
      const fits = memory && wanted <= memory.length
      const content = fits ? memory.subarray(0, wanted) : Buffer.allocUnsafeSlow(wanted)
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
    const isThere = (await this.has(blob)) && digestOf(await this.read(blob.digest)) === blob.digest
    if (!isThere) await writeFileAtomically(this.#blob(blob.digest), content)
    return blob
  }

  async addFrom(blob: Descriptor, source: BlobSource, options: TransferOptions): Promise<void> {
    await this.addFile(await receive(await this.workDirectory(), blob, source, options), blob)
  }

  publish(manifest: OciManifest, snapshot: Omit<ListedSnapshot, 'manifest'>): Promise<ListedSnapshot> {
    return this.publishCopy(Buffer.from(JSON.stringify(manifest)), snapshot)
  }

  async publishCopy(content: Buffer, snapshot: Omit<ListedSnapshot, 'manifest'>): Promise<ListedSnapshot> {
    const [listed] = await this.#relist([], [{ content, snapshot }])
    if (!listed) throw new Error('nothing was listed')
    return listed
  }

  async unlist(snapshots: readonly ListedSnapshot[]): Promise<void> {
    await this.relist(snapshots, [])
  }

  /** Takes snapshots off the list and puts others on it, in place of those of the same id, all at one instant. */
  relist(
    gone: readonly ListedSnapshot[],
    anew: readonly { manifest: OciManifest; snapshot: Omit<ListedSnapshot, 'manifest'> }[],
  ): Promise<ListedSnapshot[]> {
    const contents = anew.map(({ manifest, snapshot }) => ({
      content: Buffer.from(JSON.stringify(manifest)),
      snapshot,
    }))
    return this.#relist(gone, contents)
  }

  async #relist(
    gone: readonly ListedSnapshot[],
    anew: readonly { content: Buffer; snapshot: Omit<ListedSnapshot, 'manifest'> }[],
  ): Promise<ListedSnapshot[]> {
    const listed: Descriptor[] = []
    for (const { content, snapshot } of anew)
      listed.push(layoutEntry(await this.add(content, mediaTypes.manifest), snapshot))
    const digests = new Set(gone.map(({ manifest }) => manifest.digest))
    const ids = new Set(anew.map(({ snapshot }) => snapshot.id))
    const goes = ({ digest, annotations: of }: Descriptor) =>
      digests.has(digest) || ids.has(of?.[annotations.id] ?? '')
    await this.layout.change((entries) => [...entries.filter((entry) => !goes(entry)), ...listed])
    return listed.map(listedOf)
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

  /** Paths of files that runs left half-written. The caller is alone with the repository. */
  halfWritten(): Promise<string[]> {
    return halfWritten(this.#path)
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
