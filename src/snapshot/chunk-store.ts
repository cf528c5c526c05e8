import { hash } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import { dataSizes } from '../agent/snapshot/gear.ts'
import { encodings } from '../agent/snapshot/records.ts'
import { ChunkIndex, type ChunkPlace } from './chunk-index.ts'
import { type PackList, packHeadBytes, readIndex } from './pack-format.ts'
import { damaged, missing } from './repository/failures.ts'
import type { Descriptor, OciManifest } from './repository/oci.ts'
import { mediaTypes } from './repository/oci.ts'
import type { Repository } from './repository/repository.ts'
import type { Seal } from './seal.ts'

/** A chunk is never longer, whatever a repository says. */
const maxChunkBytes = dataSizes.max

/** The chunks of a repository, as far as its indexes have been read. */
export class ChunkStore {
  readonly repository: Repository
  readonly index = new ChunkIndex()
  /** By their number in the index. */
  readonly packs: { digest: string; size: number }[] = []
  readonly #seal: Seal
  readonly #numbers = new Map<string, number>()

  constructor(repository: Repository, seal: Seal) {
    this.repository = repository
    this.#seal = seal
  }

  /** Takes in packs with what is in them. */
  addPacks(packs: readonly PackList[]): void {
    for (const { digest, size, chunks } of packs) {
      if (this.#numbers.has(digest)) continue
      const pack = this.packs.push({ digest, size }) - 1
      this.#numbers.set(digest, pack)
      let offset = packHeadBytes
      for (const { digest: chunk, ...lengths } of chunks) {
        this.index.add(chunk, { pack, offset, ...lengths })
        offset += lengths.storedLength
      }
    }
  }

  /** Reads an index blob. @throws NotVerifiedError when it is damaged. */
  async readIndex({ digest }: Pick<Descriptor, 'digest'>): Promise<PackList[]> {
    const sealed = await this.repository.read(digest)
    const what = `Index ${digest}`
    if (`sha256:${hash('sha256', sealed)}` !== digest) throw damaged(this.repository.name, what)
    try {
      return readIndex(this.#seal.open(sealed, 'index'))
    } catch (error) {
      throw damaged(this.repository.name, what, error)
    }
  }

  /** Takes in the packs of a snapshot, and of those only the ones that its manifest names. */
  async addSnapshot({ layers }: OciManifest): Promise<void> {
    const own = new Set(
      layers.filter(({ mediaType }) => mediaType === mediaTypes.pack).map(({ digest }) => digest),
    )
    for (const index of layers.filter(({ mediaType }) => mediaType === mediaTypes.chunkIndex)) {
      const packs = await this.readIndex(index)
      this.addPacks(packs.filter(({ digest }) => own.has(digest)))
    }
  }

  /** Looks whether every pack is there and has its size. @throws WherryError `blob-missing` that names one. */
  async assertPacksThere(): Promise<void> {
    for (const { digest, size } of this.packs) {
      if (!(await this.repository.has({ mediaType: mediaTypes.pack, digest, size })))
        throw missing(this.repository.name, `Pack ${digest}, or a part of it,`)
    }
  }

  /** A chunk's content, compared with its digest. @throws NotVerifiedError when it is damaged, WherryError `blob-missing`. */
  async read(digest: Buffer): Promise<Buffer> {
    const place = this.index.find(digest)
    const name = digest.toString('hex', 0, 32)
    if (!place) throw missing(this.repository.name, `Chunk ${name}`)
    const pack = this.packs[place.pack]?.digest ?? ''
    const sealed = await this.repository.read(pack, place.offset, place.storedLength)
    try {
      return openChunk(this.#seal, sealed, place, digest)
    } catch (error) {
      throw damaged(this.repository.name, `Chunk ${name.slice(0, 16)} of pack ${pack}`, error)
    }
  }
}

/** A chunk's content from what lies in its pack. @throws whatever says that it is not what its digest says. */
export function openChunk(
  seal: Seal,
  sealed: Buffer,
  { encoding, length }: Pick<ChunkPlace, 'encoding' | 'length'>,
  digest: Buffer,
): Buffer {
  const content = decode(seal.open(sealed, 'chunk'), encoding, length)
  if (hash('sha256', content, 'buffer').equals(digest.subarray(0, 32))) return content
  throw new RangeError('the content has another digest')
}

/** What was stored, as it was. @throws RangeError when it is not of that length. */
function decode(stored: Buffer, encoding: number, length: number): Buffer {
  if (length > maxChunkBytes) throw new RangeError('a chunk is longer than chunks are')
  if (encoding !== encodings.raw && encoding !== encodings.zstd)
    throw new RangeError('an encoding that this wherry does not know')
  const content =
    encoding === encodings.zstd ? zstdDecompressSync(stored, { maxOutputLength: length }) : stored
  if (content.length !== length) throw new RangeError('a chunk has another length than its index says')
  return content
}
