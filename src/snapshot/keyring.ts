import { RefusedError } from '../model/errors.ts'
import { type KeyHolders, type KeySource, newKeyFile, openKeyFile } from './encryption.ts'
import { digestOf } from './repository/directory.ts'
import { damaged } from './repository/failures.ts'
import { type Descriptor, mediaTypes, type OciManifest } from './repository/oci.ts'
import type { ListedSnapshot, Repository } from './repository/repository.ts'
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
   * What new snapshots are sealed with: as the newest encrypted one, or for `holders` where there is none of any kind yet. A
   * repository that holds anything encrypted gets nothing else.
   * @throws RefusedError `not-encrypted`, `has-a-key`, and `say-encrypt` when a key is given for a new repository that would
   * not be encrypted.
   */
  async forNew(holders: KeyHolders | undefined): Promise<SealWithKey> {
    const all = await this.#repository.list()
    if (all.length === 0) return this.#forFirst(holders)
    const key = await this.#newestKey(all)
    if (key && holders && 'recipients' in holders) throw this.#hasKey()
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

  #forFirst(holders: KeyHolders | undefined): Promise<SealWithKey> | SealWithKey {
    if (holders) return this.#make(holders)
    const { passphrase, identities = [] } = this.#source
    if (passphrase === undefined && identities.length === 0) return { seal: unsealed }
    throw new RefusedError(
      'say-encrypt',
      `A key is given, and ${this.#repository.name} holds nothing encrypted.`,
      {
        suggestions: ['To encrypt from the first snapshot on: --encrypt', 'Else give no key.'],
      },
    )
  }

  async #newestKey(all: readonly ListedSnapshot[]): Promise<Descriptor | undefined> {
    let isReadable = false
    for (const listed of all) {
      // A damaged one is for `verify` to tell of.
      const manifest = await this.#repository.readManifest(listed).catch(() => undefined)
      isReadable ||= manifest !== undefined
      const key = manifest?.layers.find(({ mediaType }) => mediaType === mediaTypes.key)
      if (key) return key
    }
    if (!isReadable) throw damaged(this.#repository.name, 'Every manifest')
    return undefined
  }

  #hasKey(): RefusedError {
    return new RefusedError(
      'has-a-key',
      `${this.#repository.name} has a key already, and others cannot be let in later.`,
      {
        suggestions: ['Begin another repository for these recipients: --repo DIRECTORY'],
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
