import type { EntryType } from './file-types.ts'
import { types } from './file-types.ts'
import { copyLocalStat, localStatBytes } from './local-stat.ts'
import type { Stat } from './stat.ts'

/**
 * One catalog entry's head. The bytes are described in docs/design/agent.md; this file is the only one that knows them.
 * The local part comes first and belongs to one engine; everything from `portableStart` on must be equal on both.
 */

export const portableStart = 1 + localStatBytes
const nameStart = portableStart + 7
const two32 = 2 ** 32

export const localFlags = { racy: 1, attributeLeftOut: 2 } as const

/** Bytes of a block's digest: SHA-256, cut. */
export const digestBytes = 16

/**
 * The size of a file's blocks, as a power of two: 8 KiB, the page of common databases, so that a changed page costs
 * one page. It doubles from 64 GiB on for each fourfold size, which keeps digests of a 4 TiB file below 1 GiB.
 */
export function blockShiftFor(size: number): number {
  let shift = 13
  for (let limit = 64 * 2 ** 30; size > limit && shift < 20; limit *= 4) shift++
  return shift
}

/** How many blocks, and so digests, a file has. */
export function blockCount(size: number, shift: number): number {
  return Math.ceil(size / 2 ** shift)
}

/** What an entry that is not a further link says beside its name. */
export interface Meta {
  stat: Stat
  attributes: Buffer
  /** Regular files only. */
  blockShift?: number
  /** Symlinks only: where to. */
  target?: string
}

/** Builds heads in one buffer that grows when it must. `bytes` is valid until the next build. */
export class HeadBuilder {
  #buffer = Buffer.alloc(8192)
  #length = 0

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  get portable(): Buffer {
    return this.#buffer.subarray(portableStart, this.#length)
  }

  /** The head of anything but a further link. */
  build(type: EntryType, depth: number, name: string, meta: Meta): Buffer {
    const { stat, attributes } = meta
    const buffer = this.#start(type, depth, name, attributes.length + (meta.target?.length ?? 0) + 64)
    buffer[0] = 0
    copyLocalStat(stat, buffer, 1)
    let at = nameStart + name.length
    at = buffer.writeUInt32LE(stat.mode, at)
    stat.bytes.copy(buffer, at, 0x14, 0x1c)
    stat.bytes.copy(buffer, at + 8, 0x70, 0x7c)
    at = buffer.writeUInt32LE(attributes.length, at + 20)
    at += attributes.copy(buffer, at)
    if (type === types.file) {
      buffer[at] = meta.blockShift ?? 13
      stat.bytes.copy(buffer, at + 1, 0x28, 0x30)
      at += 9
    } else if (type === types.symlink) {
      const target = meta.target ?? ''
      at = buffer.writeUInt32LE(target.length, at)
      at += buffer.write(target, at, 'latin1')
    } else if (type === types.character || type === types.block) {
      stat.bytes.copy(buffer, at, 0x80, 0x88)
      at += 8
    }
    this.#length = at
    return this.bytes
  }

  /** The head of a further link to the entry at `primary`, a path with NUL between its components. */
  buildLink(depth: number, name: string, primary: string): Buffer {
    const buffer = this.#start(types.link, depth, name, primary.length + 64)
    buffer.fill(0, 0, portableStart)
    let at = buffer.writeUInt32LE(primary.length, nameStart + name.length)
    at += buffer.write(primary, at, 'latin1')
    this.#length = at
    return this.bytes
  }

  /** Puts another time of last modification into the head just built. */
  setModified(time: Buffer): void {
    const at = nameStart + this.#buffer.readUInt16LE(portableStart + 5) + 12
    time.copy(this.#buffer, at)
  }

  #start(type: EntryType, depth: number, name: string, room: number): Buffer {
    const needed = nameStart + name.length + room
    if (this.#buffer.length < needed) this.#buffer = Buffer.alloc(needed * 2)
    const buffer = this.#buffer
    buffer[portableStart] = type
    buffer.writeUInt32LE(depth, portableStart + 1)
    buffer.writeUInt16LE(name.length, portableStart + 5)
    buffer.write(name, nameStart, 'latin1')
    return buffer
  }
}

/** Reads the fields of a head where it lies in a buffer. */
export class Head {
  buffer: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  name = ''

  /** Points at a head; `start` is where its local part begins. */
  set(buffer: Buffer, start: number, end: number): this {
    this.buffer = buffer
    this.start = start
    this.end = end
    const nameAt = start + nameStart
    this.name = buffer.toString('latin1', nameAt, nameAt + buffer.readUInt16LE(start + portableStart + 5))
    return this
  }

  get type(): EntryType {
    return this.buffer[this.start + portableStart] as EntryType
  }
  get depth(): number {
    return this.buffer.readUInt32LE(this.start + portableStart + 1)
  }
  get isRacy(): boolean {
    return ((this.buffer[this.start] ?? 0) & localFlags.racy) !== 0
  }
  /** Whether it had an attribute that is not carried. */
  get hasAttributeLeftOut(): boolean {
    return ((this.buffer[this.start] ?? 0) & localFlags.attributeLeftOut) !== 0
  }
  get #meta(): number {
    return this.start + nameStart + this.name.length
  }
  get mode(): number {
    return this.buffer.readUInt32LE(this.#meta)
  }
  get uid(): number {
    return this.buffer.readUInt32LE(this.#meta + 4)
  }
  get gid(): number {
    return this.buffer.readUInt32LE(this.#meta + 8)
  }
  /** Time of last modification: `i64` seconds and `u32` nanoseconds. */
  get modified(): Buffer {
    return this.buffer.subarray(this.#meta + 12, this.#meta + 24)
  }
  get attributes(): Buffer {
    return this.buffer.subarray(this.#meta + 28, this.#special)
  }
  /** Where the fields of one type begin. */
  get #special(): number {
    return this.#meta + 28 + this.buffer.readUInt32LE(this.#meta + 24)
  }
  get blockShift(): number {
    return this.buffer[this.#special] ?? 0
  }
  get size(): number {
    const at = this.#special + 1
    return this.buffer.readUInt32LE(at) + this.buffer.readUInt32LE(at + 4) * two32
  }
  get blocks(): number {
    return this.type === types.file ? blockCount(this.size, this.blockShift) : 0
  }
  get target(): string {
    const at = this.#special + 4
    return this.buffer.toString('latin1', at, at + this.buffer.readUInt32LE(at - 4))
  }
  get rdev(): { major: number; minor: number } {
    return {
      major: this.buffer.readUInt32LE(this.#special),
      minor: this.buffer.readUInt32LE(this.#special + 4),
    }
  }
  /** Where a further link leads: a path with NUL between its components. */
  get primary(): string {
    const at = this.#meta + 4
    return this.buffer.toString('latin1', at, at + this.buffer.readUInt32LE(at - 4))
  }
  /** Whether everything that is carried is the same as in a portable head. */
  isSamePortable(portable: Buffer): boolean {
    return this.buffer.compare(portable, 0, portable.length, this.start + portableStart, this.end) === 0
  }
}
