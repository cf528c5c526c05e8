import { cName, descriptorPath, failure, lastErrno, system } from './system.ts'

/**
 * Extended attributes of every namespace, as one blob: for each, sorted by name, `u16 name length, name, u32 value
 * length, value` (little endian). ACLs and file capabilities are attributes too and travel in the kernel's own form.
 */

/** The label belongs to the engine's own policy and not to the data, so it is not carried. */
const leftOut = 'security.selinux'

/** What attributes are read from: an open descriptor, or a name in an open directory that must not be opened. */
export type AttributeOwner = { descriptor: number } | { path: Buffer }

/** The owner for things that cannot be opened: symlinks, sockets, FIFOs and devices. */
export function unopened(directory: number, name: string): AttributeOwner {
  return { path: descriptorPath(directory, name) }
}

/** An attribute that the target's file system does not take. */
export class AttributeError extends Error {
  readonly attribute: string
  readonly errno: string

  constructor(attribute: string, errno: string) {
    super(`extended attribute ${attribute}: ${errno}`)
    this.attribute = attribute
    this.errno = errno
  }
}

const none = Buffer.alloc(0)
const listBuffer = Buffer.alloc(65_536)
let valueBuffer = Buffer.alloc(65_536)

/** The names of all attributes, sorted, but for the one that is left out. A file system without attributes has none. */
function listAttributes(owner: AttributeOwner, onLeftOut?: () => void): string[] {
  const length =
    'descriptor' in owner
      ? system.flistxattr(owner.descriptor, listBuffer, listBuffer.length)
      : system.llistxattr(owner.path, listBuffer, listBuffer.length)
  if (length === 0) return []
  if (length < 0) {
    const error = failure('listxattr')
    if (error.errno === 'ENOTSUP' || error.errno === 'EOPNOTSUPP') return []
    throw error
  }
  const names = listBuffer.toString('latin1', 0, length - 1).split('\0')
  const at = names.indexOf(leftOut)
  if (at >= 0) {
    names.splice(at, 1)
    onLeftOut?.()
  }
  return names.sort()
}

/** The value of one attribute, or undefined when it has gone. The bytes are valid until the next call. */
function readAttribute(owner: AttributeOwner, name: string): Buffer | undefined {
  for (;;) {
    const length =
      'descriptor' in owner
        ? system.fgetxattr(owner.descriptor, cName(name), valueBuffer, valueBuffer.length)
        : system.lgetxattr(owner.path, cName(name), valueBuffer, valueBuffer.length)
    if (length >= 0) return valueBuffer.subarray(0, length)
    const errno = lastErrno()
    if (errno === 'ENODATA') return undefined
    if (errno !== 'ERANGE' || valueBuffer.length > 1 << 26) throw failure('getxattr')
    valueBuffer = Buffer.alloc(valueBuffer.length * 4)
  }
}

/** All attributes as a blob, empty when there are none. `onLeftOut` is called when there is one that is not carried. */
export function readAttributes(owner: AttributeOwner, onLeftOut?: () => void): Buffer {
  const names = listAttributes(owner, onLeftOut)
  if (names.length === 0) return none
  const parts: Buffer[] = []
  for (const name of names) {
    const value = readAttribute(owner, name)
    if (!value) continue
    const part = Buffer.alloc(2 + name.length + 4 + value.length)
    part.writeUInt16LE(name.length, 0)
    part.write(name, 2, 'latin1')
    part.writeUInt32LE(value.length, 2 + name.length)
    value.copy(part, 6 + name.length)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** Whether there is no attribute at all but for the one that is left out. */
export function hasNoAttributes(owner: AttributeOwner): boolean {
  return listAttributes(owner).length === 0
}

/** The attributes in a blob. */
export function parseAttributes(blob: Buffer): Map<string, Buffer> {
  const result = new Map<string, Buffer>()
  for (let at = 0; at < blob.length; ) {
    const nameLength = blob.readUInt16LE(at)
    const valueStart = at + 2 + nameLength + 4
    const valueEnd = valueStart + blob.readUInt32LE(valueStart - 4)
    result.set(blob.toString('latin1', at + 2, at + 2 + nameLength), blob.subarray(valueStart, valueEnd))
    at = valueEnd
  }
  return result
}

/**
 * Makes the attributes exactly those of a blob: sets what is missing or different and removes the rest, such as an
 * ACL that a new file inherited. Returns whether there are any now. Throws an AttributeError.
 */
export function writeAttributes(owner: AttributeOwner, blob: Buffer): boolean {
  const present = listAttributes(owner)
  if (present.length === 0 && blob.length === 0) return false
  const wanted = parseAttributes(blob)
  for (const name of present) if (!wanted.has(name)) change(owner, name, undefined)
  for (const [name, value] of wanted) {
    if (present.includes(name) && readAttribute(owner, name)?.equals(value)) continue
    change(owner, name, value)
  }
  return true
}

function change(owner: AttributeOwner, name: string, value: Buffer | undefined): void {
  const cname = cName(name)
  const byDescriptor = 'descriptor' in owner
  let result: number
  if (value === undefined) {
    result = byDescriptor
      ? system.fremovexattr(owner.descriptor, cname)
      : system.lremovexattr(owner.path, cname)
  } else {
    result = byDescriptor
      ? system.fsetxattr(owner.descriptor, cname, value, value.length, 0)
      : system.lsetxattr(owner.path, cname, value, value.length, 0)
  }
  if (result === 0) return
  const errno = lastErrno()
  if (value === undefined && errno === 'ENODATA') return
  if (errno === 'ENOSPC' || errno === 'EDQUOT') throw failure('setxattr')
  throw new AttributeError(name, errno)
}
