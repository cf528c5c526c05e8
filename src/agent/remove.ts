import { DirectoryStack } from './directory-stack.ts'
import { cName, failure, flags, lastErrno, system } from './system.ts'

/** Removes a name with all beneath it. `directory` is the path of its open parent. A missing name is fine. */
export function removeName(directory: number, name: string): void {
  if (system.unlinkat(directory, cName(name), 0) === 0) return
  const errno = lastErrno()
  if (errno === 'ENOENT') return
  if (errno !== 'EISDIR' && errno !== 'EPERM') throw failure('unlinkat')
  if (system.unlinkat(directory, cName(name), flags.atRemoveDir) === 0) return
  const stack = new DirectoryStack(`/proc/self/fd/${directory}`)
  try {
    if (!stack.enter(name)) throw failure('openat')
    emptyDownFrom(stack, 1)
  } finally {
    stack.close()
  }
}

/** Removes everything in a directory, however deep, and leaves the directory itself. */
export function emptyDirectory(path: string): void {
  const stack = new DirectoryStack(path)
  try {
    emptyDownFrom(stack, 0)
  } finally {
    stack.close()
  }
}

/** Empties the current directory; directories deeper than `floor` are removed too when they are empty. */
function emptyDownFrom(stack: DirectoryStack, floor: number): void {
  const pending: { name: string; names: string[] }[] = [{ name: '', names: stack.names() }]
  for (;;) {
    const level = pending.at(-1)
    if (!level) return
    const name = level.names.pop()
    if (name !== undefined) {
      if (system.unlinkat(stack.current, cName(name), 0) === 0) continue
      if (lastErrno() !== 'EISDIR' && lastErrno() !== 'EPERM') throw failure('unlinkat')
      if (!stack.enter(name)) throw failure('openat')
      pending.push({ name, names: stack.names() })
      continue
    }
    pending.pop()
    if (pending.length === 0) break
    stack.leave()
    removeEmpty(stack.current, level.name)
  }
  if (floor === 0) return
  const name = stack.path().split('/').at(-1) ?? ''
  stack.leave()
  removeEmpty(stack.current, name)
}

function removeEmpty(directory: number, name: string): void {
  if (system.unlinkat(directory, cName(name), flags.atRemoveDir) < 0) throw failure('unlinkat')
}
