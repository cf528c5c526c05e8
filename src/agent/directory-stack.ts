import { constants, openSync, readdirSync } from 'node:fs'
import { Stat } from './stat.ts'
import { check, cName, failure, flags, SystemCallError, system } from './system.ts'

/** So many of the deepest directories stay open; the ones above are opened again on the way back. */
const maxOpen = 128

interface Level {
  name: string
  descriptor: number
  identity: string
}

/**
 * The directories from a tree's root down to the one at hand, each held open. Every step goes through the open parent
 * and refuses symlinks, so that nothing in a hostile or changing tree can lead out of it, and no path is ever too long.
 */
export class DirectoryStack {
  readonly #levels: Level[] = []
  readonly #stat = new Stat()

  /** Opens the root; its path may contain symlinks. Throws a SystemCallError. */
  constructor(rootPath: string) {
    try {
      const descriptor = openSync(rootPath, constants.O_RDONLY | constants.O_DIRECTORY)
      this.#levels.push({ name: '', descriptor, identity: this.#stat.readDescriptor(descriptor).identity })
    } catch (error) {
      throw new SystemCallError('open', (error as NodeJS.ErrnoException).code ?? 'EIO')
    }
  }

  /** How far below the root the current directory is. */
  get depth(): number {
    return this.#levels.length - 1
  }

  /** The open descriptor of the current directory. */
  get current(): number {
    return this.#top.descriptor
  }

  get root(): number {
    return this.#level(0).descriptor
  }

  /** The path of a name in the current directory, relative to the root. */
  path(name = ''): string {
    const names = this.#levels.slice(1).map((level) => level.name)
    return [...names, ...(name ? [name] : [])].join('/')
  }

  /** Goes into a directory. False when there is none of that name (any more); other failures throw. */
  enter(name: string): boolean {
    const descriptor = openDirectory(this.current, name)
    if (descriptor < 0) return false
    const identity = this.#stat.readDescriptor(descriptor).identity
    this.#levels.push({ name, descriptor, identity })
    const old = this.#levels.length - 1 - maxOpen
    if (old > 0) this.#close(this.#level(old))
    return true
  }

  /** Goes back to the parent directory. Throws when it has been moved away meanwhile. */
  leave(): void {
    const left = this.#levels.pop()
    if (!left) return
    const top = this.#levels.at(-1)
    if (top && top.descriptor < 0) {
      const parent = check('openat', system.openat(left.descriptor, cName('..'), flags.directory, 0))
      top.descriptor = parent
      if (this.#stat.readDescriptor(parent).identity !== top.identity) {
        this.#close(left)
        throw new SystemCallError('openat', 'ESTALE')
      }
    }
    this.#close(left)
  }

  /** The names in the current directory, one character per byte, in byte order. */
  names(): string[] {
    return namesOf(this.current)
  }

  /** Closes everything. */
  close(): void {
    for (const level of this.#levels.splice(0)) this.#close(level)
  }

  get #top(): Level {
    return this.#level(this.#levels.length - 1)
  }

  #level(index: number): Level {
    const level = this.#levels[index]
    if (!level) throw new Error('the directory stack is closed')
    return level
  }

  #close(level: Level): void {
    if (level.descriptor >= 0) system.close(level.descriptor)
    level.descriptor = -1
  }
}

/** The names in an open directory, one character per byte, in byte order. */
export function namesOf(descriptor: number): string[] {
  return readdirSync(`/proc/self/fd/${descriptor}`, 'latin1').sort()
}

/** Opens a child directory, or returns -1 when there is none of that name. */
function openDirectory(parent: number, name: string): number {
  const buffer = cName(name)
  let descriptor = system.openat(parent, buffer, flags.directory | flags.noatime, 0)
  if (descriptor >= 0) return descriptor
  let error = failure('openat')
  if (error.errno === 'EPERM') {
    descriptor = system.openat(parent, buffer, flags.directory, 0)
    if (descriptor >= 0) return descriptor
    error = failure('openat')
  }
  if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.errno)) return -1
  throw error
}

/**
 * Opens a file by its path below the root, one component at a time and following no symlink.
 * Returns the descriptor of the directory that holds it; the caller closes it.
 */
export function openParent(root: number, components: readonly string[]): number {
  let directory = check('openat', system.openat(root, cName('.'), flags.directory, 0))
  for (const name of components.slice(0, -1)) {
    const next = system.openat(directory, cName(name), flags.directory, 0)
    const error = next < 0 ? failure('openat') : undefined
    system.close(directory)
    if (error) throw error
    directory = next
  }
  return directory
}
