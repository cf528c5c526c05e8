import { chunkDigestBytes } from '../agent/snapshot/digest-set.ts'

/** Where a chunk is: in which pack, at which byte, and how it is stored. Lengths in bytes. */
export interface ChunkPlace {
  pack: number
  offset: number
  length: number
  storedLength: number
  encoding: number
}

const initialChunks = 1 << 12

/** Finds chunks in packs by their digests, about 100 bytes of memory for each. */
export class ChunkIndex {
  #digests = Buffer.alloc(initialChunks * chunkDigestBytes)
  #offsets = new Float64Array(initialChunks)
  #numbers = new Uint32Array(initialChunks * 3)
  #encodings = new Uint8Array(initialChunks)
  /** Slots of entry numbers, each one more than the number; 0 is a free slot. */
  #slots = new Uint32Array(initialChunks * 2)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** All digests, one after the other. */
  get digests(): Buffer {
    return this.#digests.subarray(0, this.#size * chunkDigestBytes)
  }

  /** Adds a chunk; one that is known already stays where it is. */
  add(digest: Buffer, place: ChunkPlace): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow()
    const slot = this.#find(digest, 0)
    if (this.#slots[slot]) return
    const entry = this.#size++
    this.#slots[slot] = entry + 1
    digest.copy(this.#digests, entry * chunkDigestBytes, 0, chunkDigestBytes)
    this.#offsets[entry] = place.offset
    this.#numbers.set([place.pack, place.length, place.storedLength], entry * 3)
    this.#encodings[entry] = place.encoding
  }

  /** Where the chunk of the digest at a byte of a buffer is; undefined when it is in no pack. */
  find(digest: Buffer, at = 0): ChunkPlace | undefined {
    const entry = (this.#slots[this.#find(digest, at)] ?? 0) - 1
    if (entry < 0) return undefined
    const [pack = 0, length = 0, storedLength = 0] = this.#numbers.subarray(entry * 3, entry * 3 + 3)
    const encoding = this.#encodings[entry] ?? 0
    return { pack, offset: this.#offsets[entry] ?? 0, length, storedLength, encoding }
  }

  #find(digest: Buffer, at: number): number {
    const mask = this.#slots.length - 1
    let slot = digest.readUInt32LE(at) & mask
    for (let entry = this.#slots[slot]; entry; entry = this.#slots[slot]) {
      const start = (entry - 1) * chunkDigestBytes
      const end = start + chunkDigestBytes
      if (this.#digests.compare(digest, at, at + chunkDigestBytes, start, end) === 0) break
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const larger = <T extends Buffer | Float64Array | Uint32Array | Uint8Array>(old: T, empty: T): T => {
      empty.set(old as never)
      return empty
    }
    this.#digests = larger(this.#digests, Buffer.alloc(this.#digests.length * 2))
    this.#offsets = larger(this.#offsets, new Float64Array(this.#offsets.length * 2))
    this.#numbers = larger(this.#numbers, new Uint32Array(this.#numbers.length * 2))
    this.#encodings = larger(this.#encodings, new Uint8Array(this.#encodings.length * 2))
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let entry = 0; entry < this.#size; entry++) {
      this.#slots[this.#find(this.#digests, entry * chunkDigestBytes)] = entry + 1
    }
  }
}
