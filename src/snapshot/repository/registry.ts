import { rm } from 'node:fs/promises'
import { exitCodes, RefusedError, WherryError } from '../../model/errors.ts'
import { cacheDirectory } from '../../platform/directories.ts'
import { digestOf } from './directory.ts'
import { damaged, missing } from './failures.ts'
import { fileSource } from './file-source.ts'
import { inParallel } from './in-parallel.ts'
import { idPattern, listedAs, maxManifestBytes, ownManifest, snapshotManifest } from './manifest.ts'
import { type Descriptor, mediaTypes, type OciManifest } from './oci.ts'
import type { RegistryReference } from './reference.ts'
import { type ClientOptions, RegistryClient } from './registry/client.ts'
import { listTags } from './registry/tags.ts'
import { upload } from './registry/upload.ts'
import type { BlobSource, ListedSnapshot, Repository, TransferOptions } from './repository.ts'
import { workDirectory } from './work-directory.ts'

const manifestTypes = { accept: `${mediaTypes.manifest}, ${mediaTypes.index};q=0.1` }
const atOnce = 4
/** Descriptions and indexes are read whole: even of 10 TiB an index is smaller. */
const maxWholeBytes = 512 << 20

/**
 * A repository in a registry (OCI distribution-spec 1.1). Each snapshot's manifest has its id as a tag, which is nobody
 * else's: whoever pushes at the same time takes nothing away. There are no locks: what removes blobs there is the registry's
 * own garbage collection, which takes those that no manifest names, also of a snapshot that is being made.
 */
export class RegistryRepository implements Repository {
  readonly name: string
  readonly #client: RegistryClient
  readonly #manifests = new Map<string, Buffer>()

  constructor({ host, name }: Pick<RegistryReference, 'host' | 'name'>, options: ClientOptions = {}) {
    this.name = `${host}/${name}`
    this.#client = new RegistryClient({ host, name }, options)
  }

  async list(): Promise<ListedSnapshot[]> {
    const tags = (await listTags(this.#client)).filter((tag) => idPattern.test(tag))
    const found = await inParallel(tags, atOnce, (tag) => this.at(tag))
    return found
      .filter((snapshot, index) => snapshot !== undefined && snapshot.id === tags[index])
      .flatMap((snapshot) => snapshot ?? [])
      .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
  }

  /** The snapshot that a tag or digest names; undefined when it names nothing or something else. */
  async at(reference: string): Promise<ListedSnapshot | undefined> {
    const found = await this.#manifest(reference)
    const manifest = found && snapshotManifest(found.content)
    return manifest && listedAs(manifest, { ...found.blob, artifactType: mediaTypes.snapshot })
  }

  /** The digest of what a tag names, whatever it is. */
  async digestAt(tag: string): Promise<string | undefined> {
    return (await this.#manifest(tag))?.blob.digest
  }

  async holds(id: string): Promise<{ manifest: string; config: string } | undefined> {
    const listed = await this.at(id)
    return (
      listed && { manifest: listed.manifest.digest, config: (await this.readManifest(listed)).config.digest }
    )
  }

  async readManifest(snapshot: ListedSnapshot): Promise<OciManifest> {
    return ownManifest(await this.readManifestContent(snapshot), this.name, snapshot.id)
  }

  async readManifestContent({ id, manifest: { digest } }: ListedSnapshot): Promise<Buffer> {
    const content = this.#manifests.get(digest) ?? (await this.#manifest(digest))?.content
    if (!content) throw missing(this.name, `The manifest of snapshot ${id}`)
    if (digestOf(content) !== digest) throw damaged(this.name, `The manifest of snapshot ${id}`)
    return content
  }

  async has({ digest, size }: Descriptor): Promise<boolean> {
    const request = { method: 'HEAD', to: `blobs/${digest}`, access: 'pull', expected: [200, 404] } as const
    const { status, headers } = await this.#client.request(request)
    return status === 200 && Number(headers['content-length'] ?? size) === size
  }

  async read(digest: string, offset = 0, length?: number): Promise<Buffer> {
    if (length === 0) return Buffer.alloc(0)
    const isPart = offset > 0 || length !== undefined
    const { status, body } = await this.#client.request({
      method: 'GET',
      to: `blobs/${digest}`,
      access: 'pull',
      expected: [200, 206, 404, 416],
      maxBytes: length ?? maxWholeBytes,
      ...(isPart ? { span: { offset, length: length ?? Number.MAX_SAFE_INTEGER - offset } } : {}),
    })
    if (status === 404) throw missing(this.name, `Blob ${digest}`)
    const isShort = status === 416 || (length !== undefined && body.length !== length)
    if (isShort || (!isPart && digestOf(body) !== digest)) throw damaged(this.name, `Blob ${digest}`)
    return body
  }

  async addFile(path: string, blob: Descriptor): Promise<void> {
    if (!(await this.has(blob))) {
      await using source = await fileSource(path)
      await upload(this.#client, blob, source, { progress: () => undefined })
    }
    await rm(path, { force: true })
  }

  async add(content: Buffer, mediaType: string): Promise<Descriptor> {
    const blob = { mediaType, digest: digestOf(content), size: content.length }
    if (!(await this.has(blob))) {
      const read = async (_: string, offset = 0, length = content.length) =>
        content.subarray(offset, offset + length)
      await upload(this.#client, blob, { name: this.name, read }, { progress: () => undefined })
    }
    return blob
  }

  addFrom(blob: Descriptor, source: BlobSource, options: TransferOptions): Promise<void> {
    return upload(this.#client, blob, source, options)
  }

  publish(manifest: OciManifest, snapshot: Omit<ListedSnapshot, 'manifest'>): Promise<ListedSnapshot> {
    return this.publishCopy(Buffer.from(JSON.stringify(manifest)), snapshot)
  }

  async publishCopy(content: Buffer, snapshot: Omit<ListedSnapshot, 'manifest'>): Promise<ListedSnapshot> {
    const digest = digestOf(content)
    const there = await this.digestAt(snapshot.id)
    if (there !== undefined && there !== digest) {
      throw new RefusedError('tag-taken', `${this.name}:${snapshot.id} is something else already.`, {
        suggestions: ['Push it to another name.'],
        data: { repository: this.name, tag: snapshot.id, digest: there },
      })
    }
    if (there === undefined) await this.setTag(snapshot.id, content)
    const { manifest: mediaType, snapshot: artifactType } = mediaTypes
    return { ...snapshot, manifest: { mediaType, artifactType, digest, size: content.length } }
  }

  /** Lets a tag name a manifest, whatever it named before. @throws WherryError `blob-missing` when the registry has lost a blob. */
  async setTag(tag: string, content: Buffer): Promise<void> {
    const headers = { 'content-type': mediaTypes.manifest }
    const to = `manifests/${tag}`
    const expected = [201, 404]
    const answer = await this.#client.request({
      method: 'PUT',
      to,
      access: 'push',
      headers,
      body: content,
      expected,
    })
    if (answer.status === 404) throw missing(this.name, 'Something that the snapshot needs')
  }

  /** Takes manifests away, with every tag that they have. @throws WherryError `delete-not-allowed` (exit 3). */
  async unlist(snapshots: readonly ListedSnapshot[]): Promise<void> {
    for (const { id, manifest } of snapshots) {
      const to = `manifests/${manifest.digest}`
      const expected = [202, 404, 405, 400]
      const { status } = await this.#client.request({ method: 'DELETE', to, access: 'delete', expected })
      if (status === 202 || status === 404) continue
      throw new WherryError(
        'delete-not-allowed',
        exitCodes.refused,
        `Snapshot ${id} stays: ${this.name} lets nothing be deleted.`,
        { suggestions: ['Allow deletion in the registry, or delete it there by its own means.'] },
      )
    }
  }

  workDirectory(): Promise<string> {
    return workDirectory(cacheDirectory())
  }

  async blobs(): Promise<{ digest: string; size: number }[]> {
    return []
  }

  async #manifest(reference: string): Promise<{ blob: Descriptor; content: Buffer } | undefined> {
    const { status, body } = await this.#client.request({
      method: 'GET',
      to: `manifests/${reference}`,
      access: 'pull',
      headers: manifestTypes,
      expected: [200, 404],
      maxBytes: maxManifestBytes,
    })
    if (status === 404) return undefined
    const digest = digestOf(body)
    this.#manifests.set(digest, body)
    return { blob: { mediaType: mediaTypes.manifest, digest, size: body.length }, content: body }
  }
}
