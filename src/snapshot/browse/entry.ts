import { parseAttributes } from '../../agent/attributes.ts'
import type { Head } from '../../agent/entry.ts'
import { types } from '../../agent/file-types.ts'
import { displayName } from '../../agent/names.ts'
import { separator } from './walk.ts'

/** A file in a snapshot. Names are as people read them: bytes that are no printable UTF-8 are `\xNN`. */
export interface FileEntry {
  /** From the directory that was asked for; empty for that itself. */
  path: string
  type: keyof typeof types
  /** Octal, such as `0644`; absent, as everything below but `target`, for a further name of a file. */
  mode?: string
  uid?: number
  gid?: number
  /** Bytes; of regular files. */
  size?: number
  /** ISO 8601, UTC, to the nanosecond. */
  mtime?: string
  /** Where a symbolic link leads, or the first name of the same file. */
  target?: string
  device?: { major: number; minor: number }
  /** Names of extended attributes. */
  attributes?: string[]
}

const typeNames = Object.fromEntries(Object.entries(types).map(([name, type]) => [type, name])) as Record<
  number,
  FileEntry['type']
>

/** A path of a tree for people. */
export function shownPath(path: string): string {
  return path.split(separator).map(displayName).join('/')
}

/** A path that a person wrote, as the tree has it: components joined by NUL, one character for each byte. */
export function treePathOf(written: string): string {
  return written
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .map((name) =>
      Buffer.from(name)
        .toString('latin1')
        .replace(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    )
    .join(separator)
}

/** What an entry says, with `path` for its name. */
export function describeEntry(head: Head, path: string): FileEntry {
  const type = typeNames[head.type] ?? 'file'
  if (type === 'link') return { path: shownPath(path), type, target: shownPath(head.primary) }
  const attributes = head.attributes.length > 0 ? [...parseAttributes(head.attributes).keys()] : []
  return {
    path: shownPath(path),
    type,
    mode: head.mode.toString(8).padStart(4, '0'),
    uid: head.uid,
    gid: head.gid,
    ...(type === 'file' ? { size: head.size } : {}),
    mtime: timeOf(head.modified),
    ...(type === 'symlink' ? { target: displayName(head.target) } : {}),
    ...(type === 'character' || type === 'block' ? { device: head.rdev } : {}),
    ...(attributes.length > 0 ? { attributes: attributes.map(displayName) } : {}),
  }
}

/** `i64` seconds and `u32` nanoseconds, as a time. */
function timeOf(modified: Buffer): string {
  const seconds = Number(modified.readBigInt64LE(0))
  const nanoseconds = modified.readUInt32LE(8).toString().padStart(9, '0')
  const date = new Date(seconds * 1000)
  // Years that JavaScript has no date for are times all the same.
  if (Number.isNaN(date.getTime())) return `@${seconds}.${nanoseconds}`
  return date.toISOString().replace(/\d{3}Z$/, `${nanoseconds}Z`)
}
