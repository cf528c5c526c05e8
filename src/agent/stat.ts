import { type EntryType, types } from './file-types.ts'
import { check, emptyName, flags, system } from './system.ts'

const byFormat = new Map<number, EntryType>([
  [0o04, types.directory],
  [0o10, types.file],
  [0o12, types.symlink],
  [0o02, types.character],
  [0o06, types.block],
  [0o01, types.fifo],
  [0o14, types.socket],
])

/** The `S_IF…` bits of a type, for mknod(2). */
export const formats: Readonly<Record<number, number>> = {
  [types.character]: 0o020000,
  [types.block]: 0o060000,
  [types.fifo]: 0o010000,
  [types.socket]: 0o140000,
}

/** STATX_BASIC_STATS and STATX_BTIME. */
const wanted = 0xfff
const two32 = 2 ** 32

/**
 * One reusable `struct statx` (its layout is the same on every architecture, see statx(2)). Reading fields straight
 * from the kernel's bytes avoids an object, and a rounding of times, per file.
 */
export class Stat {
  readonly bytes = Buffer.alloc(256)

  /** Fills in what `name` in an open directory is, without following a symlink. False when there is no such name. */
  read(directory: number, name: Buffer): boolean {
    return system.statx(directory, name, flags.atSymlinkNofollow, wanted, this.bytes) === 0
  }

  /** Fills in what an open descriptor is. */
  readDescriptor(descriptor: number): this {
    check('statx', system.statx(descriptor, emptyName, flags.atEmptyPath, wanted, this.bytes))
    return this
  }

  get nlink(): number {
    return this.bytes.readUInt32LE(0x10)
  }
  get uid(): number {
    return this.bytes.readUInt32LE(0x14)
  }
  get gid(): number {
    return this.bytes.readUInt32LE(0x18)
  }
  /** Permission bits with setuid, setgid and sticky. */
  get mode(): number {
    return this.bytes.readUInt16LE(0x1c) & 0o7777
  }
  get type(): EntryType | undefined {
    return byFormat.get(this.bytes.readUInt16LE(0x1c) >> 12)
  }
  get size(): number {
    return this.bytes.readUInt32LE(0x28) + this.bytes.readUInt32LE(0x2c) * two32
  }
  /** Bytes that the file takes on its file system. */
  get allocated(): number {
    return (this.bytes.readUInt32LE(0x30) + this.bytes.readUInt32LE(0x34) * two32) * 512
  }
  get changedSeconds(): number {
    return this.bytes.readUInt32LE(0x60) + this.bytes.readInt32LE(0x64) * two32
  }
  get changedNanoseconds(): number {
    return this.bytes.readUInt32LE(0x68)
  }
  get rdevMajor(): number {
    return this.bytes.readUInt32LE(0x80)
  }
  get rdevMinor(): number {
    return this.bytes.readUInt32LE(0x84)
  }

  /** What tells two inodes apart: device and inode number. */
  get identity(): string {
    return this.bytes.toString('latin1', 0x20, 0x28) + this.bytes.toString('latin1', 0x88, 0x90)
  }

  /** Whether two readings are of the same inode. */
  isOf(other: Stat): boolean {
    return (
      this.bytes.compare(other.bytes, 0x20, 0x28, 0x20, 0x28) === 0 &&
      this.bytes.compare(other.bytes, 0x88, 0x90, 0x88, 0x90) === 0
    )
  }

  /** What tells an inode from a later one with its number: number and time of birth, where the file system keeps that. */
  get birth(): string {
    return this.bytes.toString('hex', 0x20, 0x28) + this.bytes.toString('hex', 0x50, 0x5c)
  }

  /** Time of last modification: `i64` seconds and `u32` nanoseconds. */
  get modified(): Buffer {
    return this.bytes.subarray(0x70, 0x7c)
  }

  /** Whether this is the time of last modification, `i64` seconds and `u32` nanoseconds. */
  hasModified(time: Buffer): boolean {
    return this.bytes.compare(time, 0, 12, 0x70, 0x7c) === 0
  }

  /** Whether two readings show the same inode with nothing done to it in between. */
  isSameAs(other: Stat): boolean {
    return (
      this.bytes.compare(other.bytes, 0x10, 0x30, 0x10, 0x30) === 0 &&
      this.bytes.compare(other.bytes, 0x60, 0x80, 0x60, 0x80) === 0
    )
  }
}

/** A `dev_t` in the C library's encoding (makedev(3)). */
export function makeDevice(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)]
  return ((a & 0xfffn) << 8n) | ((a & ~0xfffn) << 32n) | (b & 0xffn) | ((b & ~0xffn) << 12n)
}
