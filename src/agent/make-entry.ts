import { openParent } from './directory-stack.ts'
import type { Head } from './entry.ts'
import { AgentError } from './errors.ts'
import { types } from './file-types.ts'
import { formats, makeDevice } from './stat.ts'
import { check, cName, system } from './system.ts'

/** Makes a symlink, device, FIFO or socket in an open directory. */
export function makeEntry(directory: number, head: Head): void {
  if (head.type === types.symlink) {
    const target = Buffer.from(`${head.target}\0`, 'latin1')
    check('symlinkat', system.symlinkat(target, directory, cName(head.name)))
    return
  }
  const format = formats[head.type]
  if (format === undefined) throw new AgentError('protocol', `an entry of an unknown type ${head.type}`)
  const isDevice = head.type === types.character || head.type === types.block
  const device = isDevice ? makeDevice(head.rdev.major, head.rdev.minor) : 0n
  check('mknodat', system.mknodat(directory, cName(head.name), format | (head.mode & 0o777), device))
}

/** Gives what `components` lead to, from a tree's root, a further name in an open directory. */
export function makeLink(root: number, directory: number, components: readonly string[], name: string): void {
  const parent = openParent(root, components)
  try {
    const from = cName(components.at(-1) ?? '', 1)
    check('linkat', system.linkat(parent, from, directory, cName(name), 0))
  } finally {
    system.close(parent)
  }
}
