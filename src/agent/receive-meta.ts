import {
  AttributeError,
  type AttributeOwner,
  hasNoAttributes,
  readAttributes,
  writeAttributes,
} from './attributes.ts'
import type { Head, HeadBuilder } from './entry.ts'
import { AgentError } from './errors.ts'
import { types } from './file-types.ts'
import { displayName } from './names.ts'
import { Stat } from './stat.ts'
import { check, cName, flags, system } from './system.ts'

const times = Buffer.alloc(32)
/** UTIME_OMIT for the time of last access, see utimensat(2). */
const omit = 0x3ffffffe
const current = new Stat()
const none = Buffer.alloc(0)
/** Setuid and setgid, which a change of owner clears. */
const setIdBits = 0o6000
const ownUid = process.getuid?.()
const ownGid = process.getgid?.()

function fillTimes(modified: Buffer): Buffer {
  times.fill(0)
  times.writeUInt32LE(omit, 8)
  modified.copy(times, 16, 0, 12)
  return times
}

/** What to put owner, mode, attributes and times on: an open descriptor, or a name in an open directory. */
export type MetaTarget = { descriptor: number } | { directory: number; name: string; owner: AttributeOwner }

/**
 * Makes owner, mode and attributes those of a head, in the order that keeps them: a change of owner clears setuid and
 * capabilities, a change of mode rewrites the ACL's mask. Returns whether it has attributes.
 */
export function applyMeta(target: MetaTarget, head: Head): boolean {
  readStat(target, current)
  const hasOtherOwner = current.uid !== head.uid || current.gid !== head.gid
  if (hasOtherOwner) changeOwner(target, head)
  const hasLostBits = hasOtherOwner && (head.mode & setIdBits) !== 0
  if (hasLostBits || current.mode !== head.mode) changeMode(target, head)
  try {
    return writeAttributes('owner' in target ? target.owner : target, head.attributes)
  } catch (error) {
    if (!(error instanceof AttributeError)) throw error
    throw new AgentError(
      'not-carried',
      `The target cannot hold the extended attribute ${error.attribute} of ${displayName(head.name)} (${error.errno})`,
      {
        data: { attribute: error.attribute, errno: error.errno },
        suggestions: ['Use a file system with extended attributes on the target, such as ext4 or xfs.'],
        cause: error,
      },
    )
  }
}

/** Sets the time of last modification; the last thing done to an inode. */
export function applyTimes(target: MetaTarget, modified: Buffer): void {
  const value = fillTimes(modified)
  if ('descriptor' in target) check('futimens', system.futimens(target.descriptor, value))
  else {
    const name = cName(target.name)
    check('utimensat', system.utimensat(target.directory, name, value, flags.atSymlinkNofollow))
  }
}

/**
 * Builds the head of what is really there now, and refuses when it is not what the source has, such as times that the
 * target's file system rounds. `modified` stands in for the time of a directory that is still being filled.
 */
export function readBack(
  builder: HeadBuilder,
  target: MetaTarget,
  head: Head,
  hasAttributes: boolean,
  linkTarget?: string,
): Buffer {
  const stat = readStat(target, current)
  const owner = 'owner' in target ? target.owner : target
  const attributes = hasAttributes ? readAttributes(owner) : none
  const type = stat.type ?? head.type
  const built = builder.build(type, head.depth, head.name, {
    stat,
    attributes,
    ...(type === types.file ? { blockShift: head.blockShift } : {}),
    ...(linkTarget === undefined ? {} : { target: linkTarget }),
  })
  if (type === types.directory) builder.setModified(head.modified)
  if (head.isSamePortable(builder.portable)) return built
  throw notHeld(head, stat)
}

/**
 * Gives a file whose content is complete all that is said about it, and returns the head of what is there then. A file that
 * was just made most often has its owner and mode already: its times are set and what is there is looked at, and only
 * where that is not what the source has is it done step by step.
 */
export function finishFile(builder: HeadBuilder, descriptor: number, head: Head, isNew: boolean): Buffer {
  const target = { descriptor }
  if (isNew && mayBeAsMade(head)) {
    applyTimes(target, head.modified)
    if (hasNoAttributes(target)) {
      const stat = readStat(target, current)
      const meta = { stat, attributes: none, blockShift: head.blockShift }
      const built = builder.build(stat.type ?? head.type, head.depth, head.name, meta)
      if (head.isSamePortable(builder.portable)) return built
    }
  }
  const hasAttributes = applyMeta(target, head)
  applyTimes(target, head.modified)
  return readBack(builder, target, head, hasAttributes)
}

/** Whether open(2) alone can have given a new file its owner, mode and attributes: it takes 0777 of the mode. */
function mayBeAsMade(head: Head): boolean {
  return head.uid === ownUid && head.gid === ownGid && head.mode <= 0o777 && head.attributes.length === 0
}

/** The error for a file system that keeps something else than it was given. */
export function notHeld(head: Head, stat: Stat): AgentError {
  const differing = [
    stat.type !== head.type && 'type',
    stat.mode !== head.mode && 'mode',
    (stat.uid !== head.uid || stat.gid !== head.gid) && 'owner',
    stat.bytes.compare(head.modified, 0, 12, 0x70, 0x7c) !== 0 && 'time of modification',
    head.type === types.file && stat.size !== head.size && 'size',
  ].filter((value) => value !== false)
  const what = differing.join(', ') || 'extended attributes or special data'
  return new AgentError(
    'not-carried',
    `The target does not keep the ${what} of ${displayName(head.name) || '/'}`,
    {
      data: { differing },
      suggestions: [
        'Use a file system on the target that keeps what Linux file systems keep, such as ext4 or xfs.',
      ],
    },
  )
}

function readStat(target: MetaTarget, stat: Stat): Stat {
  if ('descriptor' in target) return stat.readDescriptor(target.descriptor)
  if (!stat.read(target.directory, cName(target.name))) check('statx', -1)
  return stat
}

function changeOwner(target: MetaTarget, head: Head): void {
  if ('descriptor' in target) check('fchown', system.fchown(target.descriptor, head.uid, head.gid))
  else {
    const { directory, name } = target
    check('fchownat', system.fchownat(directory, cName(name), head.uid, head.gid, flags.atSymlinkNofollow))
  }
}

/** A symlink's mode cannot be changed and is always the same. */
function changeMode(target: MetaTarget, head: Head): void {
  if ('descriptor' in target) check('fchmod', system.fchmod(target.descriptor, head.mode))
  else if (head.type !== types.symlink) {
    check('fchmodat', system.fchmodat(target.directory, cName(target.name), head.mode, 0))
  }
}
