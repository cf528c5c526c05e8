import { createHash, type Hash, randomBytes } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { dataSizes } from '../agent/snapshot/gear.ts'
import type { ChunkRecord } from '../agent/snapshot/records.ts'
import { type PackedChunk, type PackList, packFootBytes, packMagic, writeChunkList } from './pack-format.ts'
import { mediaTypes } from './repository/oci.ts'
import type { Repository } from './repository/repository.ts'
import { maxSealBytes, type Seal } from './seal.ts'

const bufferBytes = 4 << 20

/** Registries limit how many layers a manifest has: after so many packs they become twice as large. */
const packsOfOneSize = 64
const firstPackBytes = 32 << 20

/** How large a pack becomes that comes after so many others: 2 GiB in the first 64, and 1 TiB before there are 640. */
function packBytesAfter(packs: number, firstBytes: number): number {
  return firstBytes * 2 ** Math.floor(packs / packsOfOneSize)
}

/** Writes chunks into packs and gives complete packs to the repository. */
export class PackWriter {
  readonly #repository: Repository
  readonly #directory: string
  readonly #seal: Seal
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  /** What was sealed lies in it until it is in the buffer. */
  readonly #sealed = Buffer.allocUnsafeSlow(dataSizes.max + maxSealBytes)
  #length = 0
  #path = ''
  #file: FileHandle | undefined
  #hash: Hash = createHash('sha256')
  #size = 0
  #chunks: PackedChunk[] = []
  /** The pack before the one at hand, on its way into the repository; how many have set out. */
  #giving: Promise<void> = Promise.resolve()
  #given = 0
  #givenPath = ''
  #failure: unknown
  /** Packs that are in the repository now, with what is in them. */
  readonly packs: PackList[] = []

  readonly #firstBytes: number

  /** `directory` is where packs are made. `firstBytes`: how large the first of them become, where that is more than usual. */
  constructor(repository: Repository, directory: string, seal: Seal, firstBytes = 0) {
    this.#firstBytes = Math.max(firstPackBytes, firstBytes)
    this.#repository = repository
    this.#directory = directory
    this.#seal = seal
  }

  /** Adds a chunk as it came from an agent. Its bytes may be used again afterwards. */
  async add({ digest, length, encoding, stored }: ChunkRecord): Promise<void> {
    const sealed = this.#seal.seal(stored, 'chunk', (bytes) =>
      bytes <= this.#sealed.length ? this.#sealed : Buffer.allocUnsafeSlow(bytes),
    )
    await this.addSealed({ digest, length, encoding, storedLength: sealed.length }, sealed)
  }

  /** Adds a chunk as it lies in another pack of the same repository. */
  async addSealed(chunk: PackedChunk, sealed: Buffer): Promise<void> {
    // Soon, and not after everything else has been read.
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#file) await this.#begin()
    this.#chunks.push({ ...chunk, digest: Buffer.from(chunk.digest) })
    await this.#write(sealed)
    if (this.#size + this.#length >= packBytesAfter(this.#given, this.#firstBytes)) await this.#finish()
  }

  /** Gives the last pack to the repository, and waits until all are there. */
  async end(): Promise<void> {
    if (this.#file) await this.#finish()
    await this.#giving
  }

  /** Gives up the pack at hand; complete ones stay in the repository and belong to nothing. */
  async discard(): Promise<void> {
    // It goes whatever was wrong with it.
    await this.#file?.close().catch(() => undefined)
    this.#file = undefined
    // One on its way to a slow registry is not waited for.
    for (const path of [this.#path, this.#givenPath]) if (path) await rm(path, { force: true })
  }

  async #begin(): Promise<void> {
    this.#path = join(this.#directory, `pack-${process.pid}-${randomBytes(6).toString('hex')}`)
    this.#file = await open(this.#path, 'wx', 0o600)
    this.#hash = createHash('sha256')
    this.#size = 0
    this.#length = 0
    this.#chunks = []
    await this.#write(Buffer.from(packMagic))
  }

  async #finish(): Promise<void> {
    const list = this.#seal.seal(writeChunkList(this.#chunks), 'list')
    const foot = Buffer.alloc(packFootBytes)
    foot.writeUInt32LE(list.length)
    foot.write(packMagic, 4)
    await this.#write(list)
    await this.#write(foot)
    await this.#flush()
    await this.#file?.close()
    this.#file = undefined
    const digest = `sha256:${this.#hash.digest('hex')}`
    const pack = { digest, size: this.#size, chunks: this.#chunks }
    // Until it is safe on the disk the next one is filled, and no more than that: a registry may be slow.
    await this.#giving
    this.#givenPath = this.#path
    this.#giving = this.#give(this.#path, pack)
    this.#giving.catch((error) => {
      this.#failure = error
    })
    this.#given++
    this.#path = ''
    this.#size = 0
  }

  async #give(path: string, pack: PackList): Promise<void> {
    const { digest, size } = pack
    await this.#repository.addFile(path, { mediaType: mediaTypes.pack, digest, size })
    this.packs.push(pack)
  }

  async #write(content: Buffer): Promise<void> {
    for (let at = 0; at < content.length; ) {
      const copied = content.copy(this.#buffer, this.#length, at)
      this.#length += copied
      at += copied
      if (this.#length === this.#buffer.length) await this.#flush()
    }
  }

  async #flush(): Promise<void> {
    const content = this.#buffer.subarray(0, this.#length)
    this.#hash.update(content)
    // `write` may write a part only, where the disk is nearly full.
    await this.#file?.writeFile(content)
    this.#size += this.#length
    this.#length = 0
  }
}
