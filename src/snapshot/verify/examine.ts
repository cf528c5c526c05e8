import { messageOf } from '../../model/errors.ts'
import { ChunkStore } from '../chunk-store.ts'
import type { SnapshotConfig } from '../config.ts'
import type { PackList } from '../pack-format.ts'
import { readConfig } from '../read-config.ts'
import { type Descriptor, mediaTypes } from '../repository/oci.ts'
import type { Repository } from '../repository/repository.ts'
import type { Seal } from '../seal.ts'
import type { Damage, Damages } from './damages.ts'
import type { Candidate } from './list.ts'

/** A snapshot with what its blobs hold, as far as they can be read. */
export interface Examined extends Candidate {
  config?: SnapshotConfig
  packs: PackList[]
  /** Whether all of its indexes could be read, so that all of its chunks are known. */
  areIndexesWhole: boolean
}

/** Reads the small blobs of snapshots, each of them once. */
export class Examination {
  readonly #repository: Repository
  readonly #seal: Seal
  readonly #damages: Damages
  readonly #indexes = new Map<string, PackList[]>()

  constructor(repository: Repository, seal: Seal, damages: Damages) {
    this.#repository = repository
    this.#seal = seal
    this.#damages = damages
  }

  /** Reads a snapshot's config and indexes. What is damaged is noted. */
  async examine(candidate: Candidate): Promise<Examined> {
    const { listed, manifest } = candidate
    const { id } = listed
    const config = await readConfig(this.#repository, this.#seal, manifest.config).catch((error) =>
      this.#note('config', manifest.config, id, error),
    )
    if (config && config.id !== id) {
      const other = new Error(`The config of snapshot ${id} is that of ${config.id}.`)
      this.#note('config', manifest.config, id, other)
    }
    const indexes = manifest.layers.filter(({ mediaType }) => mediaType === mediaTypes.chunkIndex)
    for (const index of indexes) await this.#readIndex(index, id)
    const areIndexesWhole = indexes.every(({ digest }) => this.#indexes.has(digest))
    const packs = this.#packsOf(candidate, areIndexesWhole)
    return { ...candidate, ...(config ? { config } : {}), packs, areIndexesWhole }
  }

  async #readIndex(index: Descriptor, id: string): Promise<void> {
    if (this.#indexes.has(index.digest)) return
    const store = new ChunkStore(this.#repository, this.#seal)
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
  #packsOf({ listed: { id }, manifest }: Candidate, areIndexesWhole: boolean): PackList[] {
    const listed = manifest.layers.flatMap(({ digest }) => this.#indexes.get(digest) ?? [])
    const found = new Map(listed.map((pack) => [pack.digest, pack]))
    const own = manifest.layers.filter(({ mediaType }) => mediaType === mediaTypes.pack)
    return own.map(({ digest, size }) => {
      const pack = found.get(digest)
      if (pack?.size === size) return pack
      const why = pack
        ? 'has another size in its index than in the manifest'
        : 'is in none of the snapshot’s indexes'
      const message = `Pack ${digest} of snapshot ${id} ${why}.`
      if (pack || areIndexesWhole)
        this.#damages.add({ kind: 'pack', name: digest, problem: 'damaged', message }, id)
      // There is no knowing what is in it, but it can be told whether it is there.
      return { digest, size, chunks: [] }
    })
  }
}
