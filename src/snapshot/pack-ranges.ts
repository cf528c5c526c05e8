import type { Repository } from './repository/repository.ts'

/** So much is read at once where ranges follow one another, with gaps that are no larger than these. */
const windowBytes = 4 << 20
const gapBytes = 64 << 10
/** Less memory than this is not worth using again. */
const reusedFromBytes = 64 << 10
/** So many packs are read in turns, and so much memory may wait to be used again. */
const openWindows = 4
const freeWindows = 8

/** A part of a pack that was read at once, and how many ranges of it are in use. */
interface Window {
  pack: string
  start: number
  end: number
  memory: Buffer
  bytes: Promise<Buffer>
  users: number
}

/**
 * Reads ranges of packs. Those that are wanted one after the other most often lie one after the other: then what follows is read
 * along, which spares a request for each of many small ones. Memory is used again once everything in it has been given back:
 * new memory costs more than what it is for.
 */
export class PackRanges {
  readonly #repository: Pick<Repository, 'read'>
  readonly #free: Buffer[] = []
  readonly #windows = new WeakMap<ArrayBufferLike, Window>()
  /** By pack, the one that was used last at the end: where the last range ended, and the window that it lay in. */
  readonly #places = new Map<string, { end: number; window?: Window | undefined }>()

  constructor(repository: Pick<Repository, 'read'>) {
    this.#repository = repository
  }

  /** Bytes of a pack. They stay as they are until they are given to `release`. @throws as `Repository.read`. */
  async read(pack: { digest: string; size: number }, offset: number, length: number): Promise<Buffer> {
    const window = this.#windowFor(pack, offset, length)
    if (window) {
      window.users++
      // What failed for a whole window may be far from this range, which is read by itself then.
      const bytes = await window.bytes.catch(() => undefined)
      if (bytes) return bytes.subarray(offset - window.start, offset - window.start + length)
    }
    return this.#repository.read(pack.digest, offset, length)
  }

  /** Gives a range from `read` back: nobody may look at it any more. Whoever keeps one need not. False where it is none. */
  release(range: Buffer): boolean {
    const window = this.#windows.get(range.buffer)
    if (!window) return false
    window.users--
    this.#reuse(window)
    return true
  }

  /** What the range is in, or is to be. */
  #windowFor(
    { digest, size }: { digest: string; size: number },
    offset: number,
    length: number,
  ): Window | undefined {
    const end = offset + length
    const last = this.#places.get(digest)
    const known = last?.window
    if (known && known.start <= offset && end <= known.end) {
      this.#place(digest, end, known)
      return known
    }
    const follows = last !== undefined && offset >= last.end && offset - last.end < gapBytes
    if (length > windowBytes || (!follows && length < reusedFromBytes)) {
      this.#place(digest, end, known)
      return undefined
    }
    const window = this.#open(
      digest,
      offset,
      follows ? Math.max(end, Math.min(size, offset + windowBytes)) : end,
    )
    this.#place(digest, end, window)
    return window
  }

  #open(pack: string, start: number, end: number): Window {
    const memory = this.#free.pop() ?? Buffer.allocUnsafeSlow(windowBytes)
    const bytes = this.#repository
      .read(pack, start, end - start, memory)
      // A registry gives memory of its own: what is given back has to be ours.
      .then((read) => (read.buffer === memory.buffer ? read : memory.subarray(0, read.copy(memory))))
    const window = { pack, start, end, memory, bytes, users: 0 }
    this.#windows.set(memory.buffer, window)
    return window
  }

  /** Notes where a pack was read last, and forgets the pack that was not read for longest. */
  #place(pack: string, end: number, window: Window | undefined): void {
    const before = this.#places.get(pack)?.window
    this.#places.delete(pack)
    this.#places.set(pack, { end, window })
    if (before && before !== window) this.#reuse(before)
    const [oldest] = this.#places
    if (!oldest || this.#places.size <= openWindows) return
    this.#places.delete(oldest[0])
    if (oldest[1].window) this.#reuse(oldest[1].window)
  }

  /** Where nothing of a window is in use, and nothing more is to be expected. */
  #reuse(window: Window): void {
    const { memory, pack, users } = window
    if (users > 0 || this.#places.get(pack)?.window === window) return
    if (this.#windows.get(memory.buffer) !== window) return
    this.#windows.delete(memory.buffer)
    if (this.#free.length < freeWindows) this.#free.push(memory)
  }
}
