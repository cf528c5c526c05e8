import { check, syncFileSystem, system } from './system.ts'

const names = new Map<number, string>([
  [0xef53, 'ext'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0xf2f52010, 'f2fs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlay'],
  [0x2fc12fc1, 'zfs'],
  [0x6969, 'nfs'],
  [0x65735546, 'fuse'],
  [0x01021997, '9p'],
  [0x6a656a63, 'virtiofs'],
])

/** A file system's name by its number in statfs(2). */
export function fileSystemName(type: number): string {
  return names.get(type) ?? `0x${type.toString(16)}`
}

const trusted = new Set(['ext', 'xfs', 'btrfs', 'f2fs'])
const buffer = Buffer.alloc(256)

/**
 * Whether writing back the dirty pages of this file system makes the next write through a memory mapping fault and so
 * change ctime. Local disk file systems do; tmpfs never writes back, and others promise nothing.
 */
function leavesTraces(descriptor: number): boolean {
  check('fstatfs', system.fstatfs(descriptor, buffer))
  return trusted.has(fileSystemName(buffer.readUInt32LE(0)))
}

/** Writes dirty pages back before a scan, so that any later write shows in ctime. False when that is not certain. */
export async function writeBack(root: number): Promise<boolean> {
  if (!leavesTraces(root)) return false
  return syncFileSystem(root).then(
    () => true,
    () => false,
  )
}
