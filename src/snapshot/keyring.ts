import { RefusedError } from '../model/errors.ts'
import { type KeyHolders, type KeySource, newKeyFile, openKeyFile } from './encryption.ts'
import { digestOf } from './repository/directory.ts'
import { damaged } from './repository/failures.ts'
import { type Descriptor, mediaTypes, type OciManifest } from './repository/oci.ts'
import type { Repository } from './repository/repository.ts'
import { type Seal, unsealed } from './seal.ts'

/** A seal, and the blob with its key where there is one. */
export interface SealWithKey {
  seal: Seal
  key?: Descriptor
}

/** The keys of a repository's snapshots, each opened once. Each snapshot names its own: it can come from another repository. */
export class Keyring {
  readonly #repository: Repository
  readonly #source: KeySource
  readonly #opened = new Map<string, Promise<Seal>>()

  constructor(repository: Repository, source: KeySource) {
    this.#repository = repository
    this.#source = source
  }

  /** What a snapshot is sealed with. @throws RefusedError `key-needed` or `wrong-key`. */
  async of({ layers }: OciManifest): Promise<Seal> {
    const key = layers.find(({ mediaType }) => mediaType === mediaTypes.key)
    return key ? this.#open(key) : unsealed
  }

  /**
   * What new snapshots are sealed with: as the newest one, or for `holders` where there is none yet.
   * @throws RefusedError `not-encrypted` when what is there is not, and `holders` are given.
   */
  async forNew(holders: KeyHolders | undefined): Promise<SealWithKey> {
    const [newest] = await this.#repository.list()
    if (!newest) return holders ? this.#make(holders) : { seal: unsealed }
    const manifest = await this.#repository.readManifest(newest)
    const key = manifest.layers.find(({ mediaType }) => mediaType === mediaTypes.key)
    if (key) return { seal: await this.#open(key), key }
    if (!holders) return { seal: unsealed }
    throw new RefusedError(
      'not-encrypted',
      `${this.#repository.name} holds snapshots that are not encrypted.`,
      {
        suggestions: ['Begin another repository: --repo DIRECTORY --encrypt'],
      },
    )
  }

  async #make(holders: KeyHolders): Promise<SealWithKey> {
    const { file, seal } = await newKeyFile(holders)
    return { seal, key: await this.#repository.add(file, mediaTypes.key) }
  }

  #open({ digest }: Descriptor): Promise<Seal> {
    const known = this.#opened.get(digest) ?? this.#read(digest)
    this.#opened.set(digest, known)
    return known
  }

  async #read(digest: string): Promise<Seal> {
    const { name } = this.#repository
    const file = await this.#repository.read(digest)
    if (digestOf(file) !== digest) throw damaged(name, 'The key file')
    return openKeyFile(file, this.#source, name)
  }
}
