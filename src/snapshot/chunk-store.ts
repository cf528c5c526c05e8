import { hash, webcrypto } from 'node:crypto'
import { promisify } from 'node:util'
import { type ZstdOptions, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { giveBuffer, takeBuffer } from '../agent/buffer-pool.ts'
import { dataSizes } from '../agent/snapshot/gear.ts'
import { encodings } from '../agent/snapshot/records.ts'
import { ChunkIndex, type ChunkPlace } from './chunk-index.ts'
import { type PackList, packHeadBytes, readIndex } from './pack-format.ts'
import { PackRanges } from './pack-ranges.ts'
import { damaged, missing } from './repository/failures.ts'
import type { Descriptor, OciManifest } from './repository/oci.ts'
import { mediaTypes } from './repository/oci.ts'
import type { Repository } from './repository/repository.ts'
import { maxSealBytes, type Seal } from './seal.ts'

const zstdDecompressAside: (content: Buffer, options: ZstdOptions) => Promise<Buffer> =
  promisify(zstdDecompress)
/** Handing less to another thread costs more than it saves. */
const asideBytes = 256 << 10

/** zlib takes no smaller pieces. */
const minOutputBytes = 64

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
  readonly #ranges: PackRanges

  constructor(repository: Repository, seal: Seal) {
    this.repository = repository
    this.#seal = seal
    this.#ranges = new PackRanges(repository)
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

  /**
   * A chunk's content, compared with its digest; it may be given to `release`.
   * @throws NotVerifiedError when it is damaged, WherryError `blob-missing`.
   */
  async read(digest: Buffer): Promise<Buffer> {
    const place = this.index.find(digest)
    const name = digest.toString('hex', 0, 32)
    if (!place) throw missing(this.repository.name, `Chunk ${name}`)
    const pack = this.packs[place.pack] ?? { digest: '', size: 0 }
    const what = `Chunk ${name.slice(0, 16)} of pack ${pack.digest}`
    // Before memory is taken for it: an index may say anything.
    if (place.storedLength > maxChunkBytes + maxSealBytes) throw damaged(this.repository.name, what)
    const sealed = await this.#ranges.read(pack, place.offset, place.storedLength)
    try {
      const content = await openChunkAside(this.#seal, sealed, place, digest)
      if (content.buffer !== sealed.buffer) this.#ranges.release(sealed)
      return content
    } catch (error) {
      throw damaged(this.repository.name, what, error)
    }
  }

  /** Lets a chunk's memory be used again; nobody may look at it any more. */
  release(content: Buffer): void {
    if (!this.#ranges.release(content)) giveBuffer(content)
  }
}

/** A chunk's content from what lies in its pack. @throws whatever says that it is not what its digest says. */
export function openChunk(
  seal: Seal,
  sealed: Buffer,
  { encoding, length }: Pick<ChunkPlace, 'encoding' | 'length'>,
  digest: Buffer,
): Buffer {
  const stored = seal.open(sealed, 'chunk')
  const options = unpacking(checkedLength(encoding, length))
  return checked(encoding === encodings.zstd ? zstdDecompressSync(stored, options) : stored, length, digest)
}

/** The same, with the work left to other threads where it is much. */
async function openChunkAside(
  seal: Seal,
  sealed: Buffer,
  place: Pick<ChunkPlace, 'encoding' | 'length'>,
  digest: Buffer,
): Promise<Buffer> {
  const { encoding, length } = place
  const isMuch = length >= asideBytes
  const options = unpacking(checkedLength(encoding, length))
  const stored = seal.open(sealed, 'chunk', takeBuffer)
  const unpack = isMuch ? zstdDecompressAside : zstdDecompressSync
  const content = encoding === encodings.zstd ? await unpack(stored, options) : stored
  if (content !== stored && stored !== sealed) giveBuffer(stored)
  if (!isMuch) return checked(content, length, digest)
  return checked(content, length, digest, Buffer.from(await webcrypto.subtle.digest('SHA-256', content)))
}

/** What comes out is put into one piece of memory, not into many that are joined. */
function unpacking(length: number): ZstdOptions {
  // With a byte to spare: else it is asked for more, into memory for as much again.
  return { maxOutputLength: length, chunkSize: Math.max(length + 1, minOutputBytes) }
}

/** @throws RangeError for what no chunk has. */
function checkedLength(encoding: number, length: number): number {
  if (length > maxChunkBytes) throw new RangeError('a chunk is longer than chunks are')
  if (encoding !== encodings.raw && encoding !== encodings.zstd)
    throw new RangeError('an encoding that this wherry does not know')
  return length
}

/** @throws RangeError when it is not of that length, or has another digest. */
function checked(
  content: Buffer,
  length: number,
  digest: Buffer,
  found = hash('sha256', content, 'buffer'),
): Buffer {
  if (content.length !== length) throw new RangeError('a chunk has another length than its index says')
  if (found.equals(digest.subarray(0, 32))) return content
  throw new RangeError('the content has another digest')
}
