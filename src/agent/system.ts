/**
 * The system calls that Node has no functions for, or only ones that take whole paths. Everything on the hot path goes
 * through here: a call costs about 0.4 µs, a third of what node:fs takes, and every name is relative to an open directory.
 * Names are passed as NUL-terminated bytes, because Linux file names are bytes and not text.
 */
import { constants } from 'node:fs'
import { constants as osConstants } from 'node:os'
import koffi from 'koffi'

const libc = koffi.load(null)
const pointer = 'void *'

const raw = {
  statx: libc.func('statx', 'int', ['int', pointer, 'int', 'uint32', pointer]),
  openat: libc.func('openat', 'int', ['int', pointer, 'int', 'uint32']),
  close: libc.func('close', 'int', ['int']),
  pread: libc.func('pread', 'int64', ['int', pointer, 'size_t', 'int64']),
  pwrite: libc.func('pwrite', 'int64', ['int', pointer, 'size_t', 'int64']),
  lseek: libc.func('lseek', 'int64', ['int', 'int64', 'int']),
  ftruncate: libc.func('ftruncate', 'int', ['int', 'int64']),
  fallocate: libc.func('fallocate', 'int', ['int', 'int', 'int64', 'int64']),
  mkdirat: libc.func('mkdirat', 'int', ['int', pointer, 'uint32']),
  unlinkat: libc.func('unlinkat', 'int', ['int', pointer, 'int']),
  symlinkat: libc.func('symlinkat', 'int', [pointer, 'int', pointer]),
  readlinkat: libc.func('readlinkat', 'int64', ['int', pointer, pointer, 'size_t']),
  linkat: libc.func('linkat', 'int', ['int', pointer, 'int', pointer, 'int']),
  mknodat: libc.func('mknodat', 'int', ['int', pointer, 'uint32', 'uint64']),
  fchown: libc.func('fchown', 'int', ['int', 'uint32', 'uint32']),
  fchownat: libc.func('fchownat', 'int', ['int', pointer, 'uint32', 'uint32', 'int']),
  fchmod: libc.func('fchmod', 'int', ['int', 'uint32']),
  fchmodat: libc.func('fchmodat', 'int', ['int', pointer, 'uint32', 'int']),
  futimens: libc.func('futimens', 'int', ['int', pointer]),
  utimensat: libc.func('utimensat', 'int', ['int', pointer, pointer, 'int']),
  flistxattr: libc.func('flistxattr', 'int64', ['int', pointer, 'size_t']),
  fgetxattr: libc.func('fgetxattr', 'int64', ['int', pointer, pointer, 'size_t']),
  fsetxattr: libc.func('fsetxattr', 'int', ['int', pointer, pointer, 'size_t', 'int']),
  fremovexattr: libc.func('fremovexattr', 'int', ['int', pointer]),
  llistxattr: libc.func('llistxattr', 'int64', [pointer, pointer, 'size_t']),
  lgetxattr: libc.func('lgetxattr', 'int64', [pointer, pointer, pointer, 'size_t']),
  lsetxattr: libc.func('lsetxattr', 'int', [pointer, pointer, pointer, 'size_t', 'int']),
  lremovexattr: libc.func('lremovexattr', 'int', [pointer, pointer]),
  syncfs: libc.func('syncfs', 'int', ['int']),
  syncFileRange: libc.func('sync_file_range', 'int', ['int', 'int64', 'int64', 'uint32']),
  posixFadvise: libc.func('posix_fadvise', 'int', ['int', 'int64', 'int64', 'int']),
  fstatfs: libc.func('fstatfs', 'int', ['int', pointer]),
  flock: libc.func('flock', 'int', ['int', 'int']),
}

/** The calls as the C library has them: they return a negative number on failure, see `failure`. */
export const system = raw

/** `open(2)` flags and others, for this machine's architecture where they differ. */
export const flags = {
  atFdCwd: -100,
  atSymlinkNofollow: 0x100,
  atRemoveDir: 0x200,
  atEmptyPath: 0x1000,
  cloexec: 0o2000000,
  directory: constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | 0o2000000,
  read: constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | 0o2000000,
  noatime: constants.O_NOATIME,
  write: constants.O_RDWR | constants.O_NOFOLLOW | 0o2000000,
  create: constants.O_RDWR | constants.O_NOFOLLOW | constants.O_CREAT | constants.O_EXCL | 0o2000000,
  seekData: 3,
  seekHole: 4,
  punchHole: 0x01 | 0x02,
  fadviseDontNeed: 4,
  syncFileRangeWrite: 2,
  lockAloneOrFail: 0x02 | 0x04,
} as const

const errorNames = new Map(Object.entries(osConstants.errno).map(([name, number]) => [number, name]))

/** A failed system call. `errno` is its symbolic name, such as `ENOENT`. */
export class SystemCallError extends Error {
  readonly errno: string
  readonly call: string

  constructor(call: string, errno: string) {
    super(`${call}: ${errno}`)
    this.name = 'SystemCallError'
    this.errno = errno
    this.call = call
  }
}

/** The symbolic name of the last failed call's error. */
export function lastErrno(): string {
  const number = koffi.errno()
  return errorNames.get(number) ?? `errno ${number}`
}

/** The error of the call that has just failed. */
export function failure(call: string): SystemCallError {
  return new SystemCallError(call, lastErrno())
}

/** Throws when a call returned a negative number, and gives back its result. */
export function check(call: string, result: number): number {
  if (result < 0) throw failure(call)
  return result
}

/** An empty name, for calls on an open descriptor itself. */
export const emptyName = Buffer.from('\0', 'latin1')

const scratch = [Buffer.alloc(4096 + 32), Buffer.alloc(4096 + 32)] as const

/**
 * A name (one character per byte) as the kernel wants it. The buffer is used again by the next call of this slot, so
 * that no memory is taken per file.
 */
export function cName(name: string, slot: 0 | 1 = 0): Buffer {
  const buffer = scratch[slot]
  if (name.length > 4096) throw new SystemCallError('name', 'ENAMETOOLONG')
  buffer[buffer.write(name, 0, 'latin1')] = 0
  return buffer
}

/** A way to a name in an open directory for the few calls that take only paths (those on extended attributes). */
export function descriptorPath(directory: number, name: string): Buffer {
  return Buffer.from(`/proc/self/fd/${directory}/${name}\0`, 'latin1')
}

/** Flushes a file system without holding up the event loop. */
export function syncFileSystem(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    raw.syncfs.async(descriptor, (error: unknown, result: number) => {
      if (error) reject(error)
      else if (result < 0) reject(new SystemCallError('syncfs', 'EIO'))
      else resolve()
    })
  })
}
