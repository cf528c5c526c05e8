import { setImmediate as nextTurn } from 'node:timers/promises'
import { DirectoryStack } from './directory-stack.ts'
import { locate } from './errors.ts'
import { types } from './file-types.ts'
import { Stat } from './stat.ts'
import { cName, SystemCallError } from './system.ts'

/** What a tree holds, as far as there was time to look. */
export interface Measure {
  /** Everything but directories. */
  files: number
  /** Sizes of regular files, holes included. */
  bytes: number
  /** Bytes that they take on the disk. */
  allocatedBytes: number
  /** False when time ran out: there is more. */
  complete: boolean
}

/** Counts a tree's files and bytes by a walk of at most so many seconds. Reads no file. */
export async function measureTree(path: string, limitSeconds = 2): Promise<Measure> {
  const deadline = performance.now() + limitSeconds * 1000
  const result: Measure = { files: 0, bytes: 0, allocatedBytes: 0, complete: false }
  const stat = new Stat()
  let stack: DirectoryStack
  try {
    stack = new DirectoryStack(path)
  } catch (error) {
    // A bind mount may be one file, which the plan has its own word on.
    if (error instanceof SystemCallError && error.errno === 'ENOTDIR') return { ...result, complete: true }
    throw locate(error, 'read', path, '')
  }
  try {
    const pending = [stack.names()]
    for (let steps = 1; pending.length > 0; steps++) {
      if (steps % 256 === 0) {
        if (performance.now() > deadline) return result
        if (steps % 4096 === 0) await nextTurn()
      }
      const name = pending.at(-1)?.pop()
      if (name === undefined) {
        pending.pop()
        if (pending.length > 0) stack.leave()
      } else if (stat.read(stack.current, cName(name))) {
        if (stat.type !== types.directory) count(stat, result)
        else if (stack.enter(name)) pending.push(stack.names())
      }
    }
    result.complete = true
    return result
  } finally {
    stack.close()
  }
}

function count(stat: Stat, result: Measure): void {
  result.files++
  if (stat.type !== types.file) return
  // Further names of the same data must not count again: take each name's share.
  result.bytes += Math.round(stat.size / stat.nlink)
  result.allocatedBytes += Math.round(stat.allocated / stat.nlink)
}
