import { messageOf, RefusedError } from '../../model/errors.ts'
import { ChunkStore } from '../chunk-store.ts'
import type { SnapshotConfig } from '../config.ts'
import type { PackList } from '../pack-format.ts'
import { readConfig } from '../read-config.ts'
import { type Descriptor, mediaTypes } from '../repository/oci.ts'
import type { Repository } from '../repository/repository.ts'
import { type Seal, type SealOf, unsealed } from '../seal.ts'
import type { Damage, Damages } from './damages.ts'
import type { Candidate } from './list.ts'
import type { KnownPack } from './packs.ts'

/** A snapshot with what its blobs hold, as far as they can be read. */
export interface Examined extends Candidate {
  config?: SnapshotConfig
  packs: KnownPack[]
  /** Absent where its key is damaged. */
  seal?: Seal
  /** Whether all of its indexes could be read, so that all of its chunks are known. */
  areIndexesWhole: boolean
}

/** Reads the small blobs of snapshots, each of them once. */
export class Examination {
  readonly #repository: Repository
  readonly #sealOf: SealOf
  readonly #damages: Damages
  readonly #indexes = new Map<string, PackList[]>()

  constructor(repository: Repository, sealOf: SealOf, damages: Damages) {
    this.#repository = repository
    this.#sealOf = sealOf
    this.#damages = damages
  }

  /** Reads a snapshot's config and indexes. What is damaged is noted. @throws RefusedError where a key is needed. */
  async examine(candidate: Candidate): Promise<Examined> {
    const { listed, manifest } = candidate
    const { id } = listed
    const seal = await this.#open(candidate)
    if (!seal)
      return { ...candidate, packs: this.#packsOf(candidate, unsealed, false), areIndexesWhole: false }
    const config = await readConfig(this.#repository, seal, manifest.config).catch((error) =>
      this.#note('config', manifest.config, id, error),
    )
    if (config && config.id !== id) {
      const other = new Error(`The config of snapshot ${id} is that of ${config.id}.`)
      this.#note('config', manifest.config, id, other)
    }
    const indexes = manifest.layers.filter(({ mediaType }) => mediaType === mediaTypes.chunkIndex)
    for (const index of indexes) await this.#readIndex(index, seal, id)
    const areIndexesWhole = indexes.every(({ digest }) => this.#indexes.has(digest))
    const packs = this.#packsOf(candidate, seal, areIndexesWhole)
    return { ...candidate, ...(config ? { config } : {}), packs, seal, areIndexesWhole }
  }

  /** What it is sealed with. That a key was not given is no damage. */
  async #open({ listed, manifest }: Candidate): Promise<Seal | undefined> {
    try {
      return await this.#sealOf(manifest)
    } catch (error) {
      if (error instanceof RefusedError) throw error
      const key = manifest.layers.find(({ mediaType }) => mediaType === mediaTypes.key)
      return this.#note('key', key ?? manifest.config, listed.id, error)
    }
  }

  async #readIndex(index: Descriptor, seal: Seal, id: string): Promise<void> {
    if (this.#indexes.has(index.digest)) return
    const store = new ChunkStore(this.#repository, seal)
    const packs = await store
      .readIndex(index)
      .catch((error: unknown) => this.#note('index', index, id, error))
    if (packs) this.#indexes.set(index.digest, packs)
  }

  #note(kind: Damage['kind'], { digest }: Descriptor, id: string, error: unknown): undefined {
    const problem = (error as { code?: string }).code === 'blob-missing' ? 'missing' : 'damaged'
    this.#damages.add({ kind, name: digest, problem, message: messageOf(error) }, id)
  }

  /** The packs of a manifest, with what its indexes say is in them. */
  #packsOf({ listed: { id }, manifest }: Candidate, seal: Seal, areIndexesWhole: boolean): KnownPack[] {
    const listed = manifest.layers.flatMap(({ digest }) => this.#indexes.get(digest) ?? [])
    const found = new Map(listed.map((pack) => [pack.digest, pack]))
    const own = manifest.layers.filter(({ mediaType }) => mediaType === mediaTypes.pack)
    return own.map(({ digest, size }) => {
      const pack = found.get(digest)
      if (pack?.size === size) return { ...pack, seal }
      const why = pack
        ? 'has another size in its index than in the manifest'
        : 'is in none of the snapshot’s indexes'
      const message = `Pack ${digest} of snapshot ${id} ${why}.`
      if (pack || areIndexesWhole)
        this.#damages.add({ kind: 'pack', name: digest, problem: 'damaged', message }, id)
      // There is no knowing what is in it, but it can be told whether it is there.
      return { digest, size, chunks: [], seal }
    })
  }
}
