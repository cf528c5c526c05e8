import { check, cName, flags, lastErrno, system } from './system.ts'

/** Reads one file at a time and knows where its holes are. */
export class FileReader {
  #descriptor = -1
  #nextData = 0
  #nextHole = 0

  begin(descriptor: number): void {
    this.#descriptor = descriptor
    this.#nextData = 0
    this.#nextHole = 0
  }

  /** A file that has become shorter reads as zeros there; its times tell, and the next round mends it. */
  fill(buffer: Buffer, at: number, length: number, position: number): void {
    let done = 0
    while (done < length) {
      const part = at + done === 0 ? buffer : buffer.subarray(at + done)
      const read = check('pread', system.pread(this.#descriptor, part, length - done, position + done))
      if (read === 0) break
      done += read
    }
    if (done < length) buffer.fill(0, at + done, at + length)
  }

  /** The extent at a byte of a file of `size` bytes: data or a hole, and where it ends. */
  extent(position: number, size: number): { isHole: boolean; end: number } {
    const data = system.lseek(this.#descriptor, position, flags.seekData)
    if (data > position || data < 0) return { isHole: true, end: data < 0 ? size : Math.min(data, size) }
    const hole = system.lseek(this.#descriptor, position, flags.seekHole)
    return { isHole: false, end: hole < 0 ? size : Math.min(hole, size) }
  }

  /** Whether a whole block lies in a hole, by SEEK_DATA and SEEK_HOLE (lseek(2)). */
  isHole(start: number, length: number): boolean {
    if (start >= this.#nextHole && start >= this.#nextData) {
      const data = system.lseek(this.#descriptor, start, flags.seekData)
      this.#nextData = data < 0 ? Number.POSITIVE_INFINITY : data
      const next = data < 0 ? data : system.lseek(this.#descriptor, data, flags.seekHole)
      this.#nextHole = next < 0 ? Number.POSITIVE_INFINITY : next
    }
    return start + length <= this.#nextData
  }
}

/** Opens a file for reading, or returns -1 when it has gone or become something else. */
export function openFile(directory: number, name: string): number {
  const buffer = cName(name)
  let descriptor = system.openat(directory, buffer, flags.read | flags.noatime, 0)
  if (descriptor < 0 && lastErrno() === 'EPERM') descriptor = system.openat(directory, buffer, flags.read, 0)
  if (descriptor < 0 && ['ENOENT', 'ELOOP', 'ENXIO'].includes(lastErrno())) return -1
  return check('openat', descriptor)
}

/** Lets the system forget what it holds of a file in memory and has written: the next read comes from the disk (posix_fadvise(2)). */
export function forgetCached(descriptor: number): void {
  system.posixFadvise(descriptor, 0, 0, flags.fadviseDontNeed)
}

const linkBuffer = Buffer.alloc(65_536)

/** Where a symlink leads to; undefined when it has gone or become something else. */
export function readLink(directory: number, name: string): string | undefined {
  const length = system.readlinkat(directory, cName(name), linkBuffer, linkBuffer.length)
  return length < 0 ? undefined : linkBuffer.toString('latin1', 0, length)
}
