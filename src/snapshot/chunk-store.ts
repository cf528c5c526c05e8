import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import { type ZstdOptions, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { dataSizes } from '../agent/snapshot/gear.ts'
import { encodings } from '../agent/snapshot/records.ts'
import { ChunkIndex, type ChunkPlace } from './chunk-index.ts'
import { type PackList, packHeadBytes, readIndex } from './pack-format.ts'
import { damaged, missing } from './repository/failures.ts'
import type { Descriptor, OciManifest } from './repository/oci.ts'
import { mediaTypes } from './repository/oci.ts'
import type { Repository } from './repository/repository.ts'
import type { Seal } from './seal.ts'

const zstdDecompressAside: (content: Buffer, options: ZstdOptions) => Promise<Buffer> =
  promisify(zstdDecompress)
/** Handing less to another thread costs more than it saves. */
const asideBytes = 64 << 10

/** A chunk is never longer, whatever a repository says. */
const maxChunkBytes = dataSizes.max
/** So much is read at once where chunks follow one another, with gaps that are no larger than these. */
const windowBytes = 4 << 20
const gapBytes = 64 << 10

/** The chunks of a repository, as far as its indexes have been read. */
export class ChunkStore {
  readonly repository: Repository
  readonly index = new ChunkIndex()
  /** By their number in the index. */
  readonly packs: { digest: string; size: number }[] = []
  readonly #seal: Seal
  readonly #numbers = new Map<string, number>()
  #window: Window | undefined
  #last = { pack: -1, end: 0 }

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

  /**
   * What is stored of a chunk. Chunks that are wanted one after the other most often lie one after the other: then what
   * follows is read along, which spares a request for each of many small ones.
   */
  async #stored({ pack, offset, storedLength }: ChunkPlace): Promise<Buffer> {
    const { digest = '', size = 0 } = this.packs[pack] ?? {}
    const end = offset + storedLength
    const { pack: lastPack, end: lastEnd } = this.#last
    this.#last = { pack, end }
    const known = this.#window
    if (known && known.pack === pack && known.start <= offset && end <= known.end) {
      // What failed for a whole window may be far from this chunk, which is read by itself then.
      const bytes = await known.bytes.catch(() => undefined)
      if (bytes) return bytes.subarray(offset - known.start, end - known.start)
    } else if (
      pack === lastPack &&
      offset >= lastEnd &&
      offset - lastEnd < gapBytes &&
      storedLength < windowBytes
    ) {
      const windowEnd = Math.min(size, offset + windowBytes)
      const bytes = this.repository.read(digest, offset, windowEnd - offset)
      this.#window = { pack, start: offset, end: windowEnd, bytes }
      const read = await bytes.catch(() => undefined)
      if (read) return read.subarray(0, storedLength)
    }
    // Alone, too, where what follows it cannot be read.
    return this.repository.read(digest, offset, storedLength)
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
    const sealed = await this.#stored(place)
    try {
      return await openChunkAside(this.#seal, sealed, place, digest)
    } catch (error) {
      throw damaged(this.repository.name, `Chunk ${name.slice(0, 16)} of pack ${pack}`, error)
    }
  }
}

/** A part of a pack that was read at once. */
interface Window {
  pack: number
  start: number
  end: number
  bytes: Promise<Buffer>
}

/** A chunk's content from what lies in its pack. @throws whatever says that it is not what its digest says. */
export function openChunk(
  seal: Seal,
  sealed: Buffer,
  { encoding, length }: Pick<ChunkPlace, 'encoding' | 'length'>,
  digest: Buffer,
): Buffer {
  const stored = seal.open(sealed, 'chunk')
  const options = { maxOutputLength: checkedLength(encoding, length) }
  return checked(encoding === encodings.zstd ? zstdDecompressSync(stored, options) : stored, length, digest)
}

/** The same, with the work of decompressing left to another thread where it is much. */
async function openChunkAside(
  seal: Seal,
  sealed: Buffer,
  place: Pick<ChunkPlace, 'encoding' | 'length'>,
  digest: Buffer,
): Promise<Buffer> {
  const { encoding, length } = place
  if (encoding !== encodings.zstd || length < asideBytes) return openChunk(seal, sealed, place, digest)
  const options = { maxOutputLength: checkedLength(encoding, length) }
  return checked(await zstdDecompressAside(seal.open(sealed, 'chunk'), options), length, digest)
}

/** @throws RangeError for what no chunk has. */
function checkedLength(encoding: number, length: number): number {
  if (length > maxChunkBytes) throw new RangeError('a chunk is longer than chunks are')
  if (encoding !== encodings.raw && encoding !== encodings.zstd)
    throw new RangeError('an encoding that this wherry does not know')
  return length
}

/** @throws RangeError when it is not of that length, or has another digest. */
function checked(content: Buffer, length: number, digest: Buffer): Buffer {
  if (content.length !== length) throw new RangeError('a chunk has another length than its index says')
  if (hash('sha256', content, 'buffer').equals(digest.subarray(0, 32))) return content
  throw new RangeError('the content has another digest')
}
