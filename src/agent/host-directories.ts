import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { readAttributes, writeAttributes } from './attributes.ts'
import { namesOf, openParent } from './directory-stack.ts'
import { AgentError, locate } from './errors.ts'
import { resolveHostPath } from './host-path.ts'
import { displayName } from './names.ts'
import { applyTimes } from './receive-meta.ts'
import { emptyDirectory } from './remove.ts'
import { Stat } from './stat.ts'
import { check, cName, failure, flags, lastErrno, SystemCallError, system } from './system.ts'

/** Where the host's root is mounted, and where the record of what was made is kept. */
export interface HostDirectoriesParams {
  root: string
  record: string
}

/** A line of the record. Written after the directory was made: what is not in it is not ours. */
interface Entry {
  /** From the host's root down, without symlinks. */
  names: string[]
  birth: string
  /** Data is copied into it: what it holds at the end came with the move. */
  isFilled: boolean
  /** It was there, empty, with these. Absent: it was made. */
  before?: { mode: number; uid: number; gid: number; modified: string; attributes: string }
}

const defaultMode = 0o755

/**
 * Makes directories on the host, with the parents that they need, and keeps a record. One that is there must be empty, or
 * be in the record.
 * @returns those that were made.
 */
export function makeHostDirectories(params: HostDirectoriesParams & { paths: readonly string[] }): {
  made: string[]
} {
  // An earlier run may have made some already.
  const entries = readRecord(params)
  const record = openRecord(params)
  const note = (entry: Entry) => {
    entries.push(entry)
    writeSync(record, `${JSON.stringify(entry)}\n`)
    fsyncSync(record)
  }
  try {
    // Parents first: one that is itself to be filled is then looked at before it holds another.
    for (const path of params.paths.toSorted((a, b) => a.length - b.length)) {
      try {
        makeOne(params, path, entries, note)
      } catch (error) {
        if (error instanceof SystemCallError && error.errno === 'EEXIST') throw appeared(path)
        throw locate(error, 'write', 'bind-directories', path)
      }
    }
  } finally {
    closeSync(record)
  }
  return {
    made: entries.filter(({ before }) => !before).map(({ names }) => displayName(`/${names.join('/')}`)),
  }
}

/** Takes away what the record lists, as far as it is still what was made; directories that others use by now stay. */
export function removeHostDirectories(params: HostDirectoriesParams): object {
  for (const entry of readRecord(params).toReversed()) {
    const parent = openParentIfThere(params.root, entry.names)
    if (parent === undefined) continue
    try {
      takeBack(parent, entry)
    } finally {
      system.close(parent)
    }
  }
  return {}
}

function makeOne(
  { root }: HostDirectoriesParams,
  path: string,
  entries: readonly Entry[],
  note: (entry: Entry) => void,
): void {
  const { names, missing, isDeadEnd } = resolveHostPath(root, path)
  if (isDeadEnd) throw new AgentError('write-failed', `${path} leads through something that is no directory`)
  if (missing.length === 0) {
    const ours = entries.filter((entry) => entry.names.join('/') === names.join('/'))
    if (ours.some(({ isFilled }) => isFilled)) return
    if (ours[0]) note({ ...ours[0], isFilled: true })
    else note(inDirectory(root, names, (directory) => takeEmpty(path, names, directory)))
    return
  }
  for (const index of missing.keys()) {
    const place = [...names, ...missing.slice(0, index + 1)]
    const isFilled = index === missing.length - 1
    // Never "if it is not there": what somebody else makes at this moment must not count as ours.
    inDirectory(root, place.slice(0, -1), (parent) =>
      check('mkdirat', system.mkdirat(parent, cName(place.at(-1) ?? ''), defaultMode)),
    )
    note({ names: place, isFilled, birth: inDirectory(root, place, birthOf) })
  }
}

/** Does something with an open directory of the host. No symlink is followed: the names are those of a real path. */
function inDirectory<T>(root: string, names: readonly string[], action: (descriptor: number) => T): T {
  const descriptor = openReal(root, names)
  try {
    return action(descriptor)
  } finally {
    system.close(descriptor)
  }
}

function openReal(root: string, names: readonly string[]): number {
  const rootDescriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return openParent(rootDescriptor, [...names, ''])
  } finally {
    closeSync(rootDescriptor)
  }
}

function openParentIfThere(root: string, names: readonly string[]): number | undefined {
  try {
    return openReal(root, names.slice(0, -1))
  } catch (error) {
    const isGone = error instanceof SystemCallError && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.errno)
    if (isGone) return undefined
    throw error
  }
}

function birthOf(descriptor: number): string {
  return new Stat().readDescriptor(descriptor).birth
}

/** Takes an empty directory of the host to be filled. */
function takeEmpty(path: string, names: string[], directory: number): Entry {
  if (namesOf(directory).length > 0) {
    throw new AgentError(
      'bind-exists',
      `Something has appeared in ${path}, where a bind mount is to be copied to.`,
    )
  }
  const stat = new Stat().readDescriptor(directory)
  const before = {
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    modified: stat.modified.toString('hex'),
    attributes: readAttributes({ descriptor: directory }).toString('hex'),
  }
  return { names, birth: stat.birth, isFilled: true, before }
}

function appeared(path: string): AgentError {
  return new AgentError(
    'bind-exists',
    `Something has appeared at ${path}, where a bind mount is to be copied to.`,
  )
}

function takeBack(parent: number, { names, birth, isFilled, before }: Entry): void {
  const name = names.at(-1) ?? ''
  const stat = new Stat()
  if (!stat.read(parent, cName(name)) || stat.birth !== birth) return
  const directory = openParent(parent, [name, ''])
  try {
    if (isFilled) emptyDirectory(`/proc/self/fd/${directory}`)
    if (before) restore(directory, before)
  } finally {
    system.close(directory)
  }
  if (before || system.unlinkat(parent, cName(name), flags.atRemoveDir) === 0) return
  // Somebody has put something into a parent, or mounted something there: then it is theirs too.
  if (!['ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(lastErrno())) throw failure('unlinkat')
}

function restore(directory: number, before: NonNullable<Entry['before']>): void {
  check('fchown', system.fchown(directory, before.uid, before.gid))
  check('fchmod', system.fchmod(directory, before.mode))
  writeAttributes({ descriptor: directory }, Buffer.from(before.attributes, 'hex'))
  applyTimes({ descriptor: directory }, Buffer.from(before.modified, 'hex'))
}

function recordPath({ record }: HostDirectoriesParams): string {
  return join(record, 'directories.jsonl')
}

/** Opens the record to be added to, without a last line that was cut off. */
function openRecord(params: HostDirectoriesParams): number {
  const path = recordPath(params)
  if (existsSync(path)) truncateSync(path, readFileSync(path).lastIndexOf(10) + 1)
  return openSync(path, 'a')
}

/** A last line that was cut off is left out: its directory was never used. */
function readRecord(params: HostDirectoriesParams): Entry[] {
  if (!existsSync(recordPath(params))) return []
  const text = readFileSync(recordPath(params), 'utf8')
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.filter(Boolean).map((line) => JSON.parse(line) as Entry)
}
