import { createHash } from 'node:crypto'
import type { Report } from '../../model/progress.ts'
import { openChunk } from '../chunk-store.ts'
import { type PackList, packHeadBytes } from '../pack-format.ts'
import type { Repository } from '../repository/repository.ts'
import type { Seal } from '../seal.ts'
import type { Damages } from './damages.ts'

const pieceBytes = 8 << 20
const phase = 'read-data'

/** A pack with what is in it, and how that is sealed. */
export interface KnownPack extends PackList {
  seal: Seal
}

/** How much of the packs to read: all of them, or a part that the seed draws. */
export interface ReadData {
  percent: number
  seed: string
}

/** What of the packs was read. */
export interface ReadPacks extends ReadData {
  packs: number
  bytes: number
}

/** What is known to be wrong with chunks: all of some packs, and single ones as `DIGEST of PACK`. */
export class BadChunks {
  readonly packs = new Set<string>()
  readonly chunks = new Set<string>()

  /** Whether a chunk cannot be had from its pack. Digest in hexadecimal. */
  has(pack: string, digest: Buffer): boolean {
    return this.packs.has(pack) || (this.chunks.size > 0 && this.chunks.has(chunkName(pack, digest)))
  }
}

/** How a chunk of a pack is called. */
export function chunkName(pack: string, digest: Buffer): string {
  return `${digest.toString('hex')} of ${pack}`
}

/** Packs that are there whole as far as their size tells; the others are damaged. */
export async function checkSizes(
  repository: Repository,
  packs: Iterable<PackList>,
  damages: Damages,
  bad: BadChunks,
): Promise<Map<string, number>> {
  const sizes = new Map((await repository.blobs()).map(({ digest, size }) => [digest, size]))
  for (const { digest, size } of packs) {
    const found = sizes.get(digest)
    if (found === size) continue
    bad.packs.add(digest)
    const problem = found === undefined ? 'missing' : 'damaged'
    const how = found === undefined ? 'is missing' : `has ${found} bytes in place of ${size}`
    damages.add({ kind: 'pack', name: digest, problem, message: `Pack ${digest} ${how}.` })
  }
  return sizes
}

/** Packs that a seed draws, about so many percent of all bytes, and at least one. */
export function drawPacks<T extends PackList>(packs: readonly T[], { percent, seed }: ReadData): T[] {
  const rank = ({ digest }: T) => createHash('sha256').update(`${seed} ${digest}`).digest('hex')
  const all = packs.map((pack) => ({ pack, rank: rank(pack) })).sort((a, b) => (a.rank < b.rank ? -1 : 1))
  const wanted = (packs.reduce((sum, { size }) => sum + size, 0) * percent) / 100
  let drawn = 0
  return all.flatMap(({ pack }) => {
    if (drawn >= wanted) return []
    drawn += pack.size
    return [pack]
  })
}

/** Reads packs and compares every chunk and every pack with its digest. */
export async function readPacks(
  repository: Repository,
  packs: readonly KnownPack[],
  sizes: ReadonlyMap<string, number>,
  damages: Damages,
  bad: BadChunks,
  { report, signal }: { report: Report; signal: AbortSignal },
): Promise<{ packs: number; bytes: number }> {
  const totalBytes = packs.reduce((sum, { size }) => sum + size, 0)
  let bytes = 0
  if (packs.length > 0) report({ type: 'phase', phase, message: 'reading packs' })
  for (const pack of packs) {
    const size = sizes.get(pack.digest)
    if (size === undefined) continue
    signal.throwIfAborted()
    const reading = new PackReading(repository, pack, size)
    await reading.run()
    // What can be had of a pack that is damaged elsewhere is not lost.
    bad.packs.delete(pack.digest)
    for (const digest of reading.bad) {
      const name = chunkName(pack.digest, digest)
      bad.chunks.add(name)
      const message = `Chunk ${digest.toString('hex', 0, 8)}… of pack ${pack.digest} is damaged.`
      damages.add({ kind: 'chunk', name, problem: 'damaged', message })
    }
    const message = `Pack ${pack.digest} is damaged${reading.bad.length === 0 ? ' outside of its chunks' : ''}.`
    if (!reading.isWhole) damages.add({ kind: 'pack', name: pack.digest, problem: 'damaged', message })
    bytes += size
    report({ type: 'bytes', phase, bytes, totalBytes })
  }
  return { packs: packs.length, bytes }
}

/** The reading of one pack, a piece at a time. */
class PackReading {
  readonly #repository: Repository
  readonly #pack: KnownPack
  readonly #size: number
  readonly #hash = createHash('sha256')
  #position = 0
  isWhole = false
  /** Digests of chunks that are not what they were. */
  readonly bad: Buffer[] = []

  constructor(repository: Repository, pack: KnownPack, size: number) {
    this.#repository = repository
    this.#pack = pack
    this.#size = size
  }

  async run(): Promise<void> {
    await this.#read(packHeadBytes)
    let piece: PackList['chunks'] = []
    let length = 0
    for (const chunk of this.#pack.chunks) {
      piece.push(chunk)
      length += chunk.storedLength
      if (length < pieceBytes) continue
      await this.#readChunks(piece, length)
      piece = []
      length = 0
    }
    await this.#readChunks(piece, length)
    while (this.#position < this.#size) await this.#read(Math.min(pieceBytes, this.#size - this.#position))
    this.isWhole = `sha256:${this.#hash.digest('hex')}` === this.#pack.digest
  }

  async #readChunks(chunks: PackList['chunks'], length: number): Promise<void> {
    const content = await this.#read(length)
    let at = 0
    for (const { digest, storedLength, ...stored } of chunks) {
      if (!content || !this.#isGood(content.subarray(at, at + storedLength), stored, digest))
        this.bad.push(digest)
      at += storedLength
    }
  }

  #isGood(sealed: Buffer, stored: { encoding: number; length: number }, digest: Buffer): boolean {
    try {
      openChunk(this.#pack.seal, sealed, stored, digest)
      return true
    } catch {
      return false
    }
  }

  /** The next bytes, as many as there are; undefined at the end or where the disk does not give them. */
  async #read(length: number): Promise<Buffer | undefined> {
    const wanted = Math.min(length, this.#size - this.#position)
    const content =
      wanted > 0
        ? await this.#repository.read(this.#pack.digest, this.#position, wanted).catch(() => undefined)
        : undefined
    this.#position += Math.max(wanted, 0)
    if (content) this.#hash.update(content)
    return content
  }
}
