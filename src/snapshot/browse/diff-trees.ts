import type { Head } from '../../agent/entry.ts'
import { types } from '../../agent/file-types.ts'
import { shownPath } from './entry.ts'
import type { TreeWalk } from './walk.ts'

/** What of a file differs. */
export type Aspect = 'type' | 'content' | 'target' | 'device' | 'mode' | 'owner' | 'time' | 'attributes'

export interface FileChange {
  change: 'added' | 'removed' | 'changed'
  path: string
  /** Of what was changed. */
  aspects?: Aspect[]
}

/** Goes through two trees side by side and gives each difference to `onChange`, in the order of the trees. */
export function diffTrees(before: TreeWalk, after: TreeWalk, onChange: (change: FileChange) => void): void {
  let [a, b] = [before.next(), after.next()]
  while (a || b) {
    // What comes first in the trees' order is missing on the other side.
    const isOnlyBefore = a !== undefined && (!b || before.path < after.path)
    const isOnlyAfter = b !== undefined && (!a || after.path < before.path)
    if (isOnlyBefore) {
      onChange({ change: 'removed', path: shownPath(before.path) })
      a = before.next()
    } else if (isOnlyAfter) {
      onChange({ change: 'added', path: shownPath(after.path) })
      b = after.next()
    } else if (a && b) {
      const path = shownPath(after.path) || '.'
      const aspects = aspectsOf(a, b)
      // Last: going through the chunks ends what is known of the entries.
      if (!hasSameContent(before, after) && !aspects.includes('type')) aspects.unshift('content')
      if (aspects.length > 0) onChange({ change: 'changed', path, aspects })
      a = before.next()
      b = after.next()
    }
  }
}

function aspectsOf(a: Head, b: Head): Aspect[] {
  if (a.type !== b.type) return ['type']
  if (a.type === types.link) return a.primary === b.primary ? [] : ['target']
  const isDevice = a.type === types.character || a.type === types.block
  const differing: [Aspect, boolean][] = [
    ['target', a.type === types.symlink && a.target !== b.target],
    ['device', isDevice && (a.rdev.major !== b.rdev.major || a.rdev.minor !== b.rdev.minor)],
    ['mode', a.mode !== b.mode],
    ['owner', a.uid !== b.uid || a.gid !== b.gid],
    ['time', !a.modified.equals(b.modified)],
    ['attributes', !a.attributes.equals(b.attributes)],
  ]
  return differing.flatMap(([aspect, differs]) => (differs ? [aspect] : []))
}

/** Whether two files are made of the same chunks. The same content always is, in one repository. */
function hasSameContent(before: TreeWalk, after: TreeWalk): boolean {
  for (;;) {
    const [a, b] = [before.nextRef(), after.nextRef()]
    if (!a || !b) return a === b
    if (a.length !== b.length || !a.digest.equals(b.digest)) return false
  }
}
