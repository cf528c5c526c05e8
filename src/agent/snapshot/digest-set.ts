/** Bytes of a chunk's digest: SHA-256, whole, because a chunk that is taken for another is lost. */
export const chunkDigestBytes = 32

const initialSlots = 1 << 12

/** Digests of chunks, 64 bytes of memory for each. Digests look random: their first bytes say where to look. */
export class DigestSet {
  #slots = Buffer.alloc(initialSlots * chunkDigestBytes)
  #used = new Uint8Array(initialSlots)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Adds the digest at a byte of a buffer. False when it was there already. */
  add(buffer: Buffer, at = 0): boolean {
    if (this.#size * 2 >= this.#used.length) this.#grow()
    const slot = this.#find(buffer, at)
    if (this.#used[slot]) return false
    buffer.copy(this.#slots, slot * chunkDigestBytes, at, at + chunkDigestBytes)
    this.#used[slot] = 1
    this.#size++
    return true
  }

  has(buffer: Buffer, at = 0): boolean {
    return this.#used[this.#find(buffer, at)] === 1
  }

  /** The slot of a digest, or the free one where it belongs. */
  #find(buffer: Buffer, at: number): number {
    const mask = this.#used.length - 1
    let slot = buffer.readUInt32LE(at) & mask
    while (this.#used[slot]) {
      const start = slot * chunkDigestBytes
      if (this.#slots.compare(buffer, at, at + chunkDigestBytes, start, start + chunkDigestBytes) === 0) break
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const [slots, used] = [this.#slots, this.#used]
    this.#slots = Buffer.alloc(slots.length * 2)
    this.#used = new Uint8Array(used.length * 2)
    this.#size = 0
    for (let slot = 0; slot < used.length; slot++) if (used[slot]) this.add(slots, slot * chunkDigestBytes)
  }
}
