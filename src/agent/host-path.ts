import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { posix } from 'node:path'

/** As the kernel: after so many symlinks it gives up. */
const maxLinks = 40

/** Where a path leads on a host whose root is mounted somewhere else. Names have one character per byte. */
export interface HostPath {
  /** The names from the root down, without symlinks, as far as they exist. */
  names: string[]
  /** The rest, which does not exist. */
  missing: string[]
  /** A symlink on the way leads nowhere, or something on the way is no directory or not to be entered. */
  isDeadEnd: boolean
}

/**
 * Follows a path of a host, link by link, within the host's root that is mounted at `root`. The kernel would follow
 * absolute links from the root of this process instead, and look at another place.
 */
export function resolveHostPath(root: string, path: string): HostPath {
  const original = posix.normalize(Buffer.from(path).toString('latin1'))
  const names: string[] = []
  let pending = namesOf(original).map((name) => ({ name, isLinked: false }))
  for (let links = 0; ; ) {
    const next = pending.shift()
    if (!next) return { names, missing: [], isDeadEnd: false }
    if (next.name === '..') {
      names.pop()
      continue
    }
    const found = look(root, [...names, next.name])
    if (found === 'blocked') return { names, missing: [], isDeadEnd: true }
    if (!found)
      return { names, missing: [next, ...pending].map(({ name }) => name), isDeadEnd: next.isLinked }
    if (!found.isSymbolicLink()) {
      names.push(next.name)
      continue
    }
    if (++links > maxLinks) return { names, missing: [], isDeadEnd: true }
    const target = readlinkSync(inside(root, [...names, next.name]), 'latin1')
    if (target.startsWith('/')) names.length = 0
    pending = [...namesOf(target).map((name) => ({ name, isLinked: true })), ...pending]
  }
}

/** The path of names from a host's root down, as this process reaches it. */
export function inside(root: string, names: readonly string[]): Buffer {
  return Buffer.from(`${root}/${names.join('/')}`, 'latin1')
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

/** Undefined where there is nothing; `blocked` where it cannot be told. */
function look(root: string, names: readonly string[]): Stats | 'blocked' | undefined {
  try {
    return lstatSync(inside(root, names))
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'blocked'
  }
}
