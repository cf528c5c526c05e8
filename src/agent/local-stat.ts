import type { Stat } from './stat.ts'

/** Bytes of the local part of a catalog entry that come from `struct statx`. */
export const localStatBytes = 80

/** Writes the local part: link count, owner, mode, inode, size (32 bytes), ctime, mtime, rdev and dev (48 bytes). */
export function copyLocalStat(stat: Stat, target: Buffer, offset: number): void {
  stat.bytes.copy(target, offset, 0x10, 0x30)
  stat.bytes.copy(target, offset + 32, 0x60, 0x90)
}

/** Whether a stored local part still describes the file. The device number is left out: it changes with mounts. */
export function matchesLocalStat(stat: Stat, stored: Buffer, offset: number): boolean {
  return (
    stat.bytes.compare(stored, offset, offset + 32, 0x10, 0x30) === 0 &&
    stat.bytes.compare(stored, offset + 32, offset + 64, 0x60, 0x80) === 0
  )
}
