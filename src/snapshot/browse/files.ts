import { types } from '../../agent/file-types.ts'
import { RefusedError } from '../../model/errors.ts'
import { ChunkStore } from '../chunk-store.ts'
import type { SnapshotConfig, SnapshotTree } from '../config.ts'
import type { Repository } from '../repository/repository.ts'
import { describeEntry, type FileEntry, shownPath, treePathOf } from './entry.ts'
import type { OpenedSnapshot } from './summary.ts'
import { separator, TreeWalk } from './walk.ts'

/** What to list: a tree, and where in it. */
export interface Place {
  tree: SnapshotTree
  /** Components joined by NUL; the tree's root is empty. */
  path: string
}

/** The chunks of one snapshot. */
export async function chunksOf(
  repository: Repository,
  { manifest, seal }: Pick<OpenedSnapshot, 'manifest' | 'seal'>,
): Promise<ChunkStore> {
  const chunks = new ChunkStore(repository, seal)
  await chunks.addSnapshot(manifest)
  return chunks
}

/**
 * What `VOLUME[:PATH]` means in a snapshot. A volume is named by its own name or by its tree's id, which may hold colons.
 * @throws RefusedError `unknown-volume`
 */
export function findPlace({ id, trees }: Pick<SnapshotConfig, 'id' | 'trees'>, written: string): Place {
  let best: { tree: SnapshotTree; name: string } | undefined
  for (const tree of trees) {
    for (const name of [tree.id, tree.source]) {
      const isNamed = written === name || written.startsWith(`${name}:`)
      if (isNamed && name.length > (best?.name.length ?? -1)) best = { tree, name }
    }
  }
  if (best) return { tree: best.tree, path: treePathOf(written.slice(best.name.length + 1)) }
  throw new RefusedError('unknown-volume', `Snapshot ${id} has no volume "${written.split(':')[0]}".`, {
    suggestions: [
      trees.length > 0 ? `It has: ${trees.map(nameOf).join(', ')}` : 'It has no volumes and no layers.',
      `See them: wherry snapshot files ${id}`,
    ],
    data: { snapshot: id, volume: written, volumes: trees.map((tree) => tree.id) },
  })
}

/** The shortest name of a tree that means no other. */
export function nameOf({ id, kind, source }: Pick<SnapshotTree, 'id' | 'kind' | 'source'>): string {
  return kind === 'volume' ? source : id
}

/**
 * Gives each entry at a place to `onEntry`: a directory's children, all that is beneath it with `isRecursive`, or the one
 * file. @throws RefusedError `unknown-path`; NotVerifiedError where the snapshot is damaged.
 */
export async function listFiles(
  chunks: ChunkStore,
  directory: string,
  { tree, path }: Place,
  isRecursive: boolean,
  onEntry: (entry: FileEntry) => void,
): Promise<void> {
  await using walk = await TreeWalk.open(chunks, directory, tree)
  const beneath = path === '' ? '' : path + separator
  let isFound = path === ''
  for (let head = walk.next(); head; head = walk.next()) {
    if (walk.path === path && path !== '') {
      isFound = true
      if (head.type !== types.directory)
        return onEntry(describeEntry(head, path.slice(path.lastIndexOf(separator) + 1)))
    } else if (walk.path !== '' && walk.path.startsWith(beneath)) {
      const below = walk.path.slice(beneath.length)
      if (isRecursive || !below.includes(separator)) onEntry(describeEntry(head, below))
    } else if (isFound && path !== '') return
  }
  if (isFound) return
  throw new RefusedError('unknown-path', `There is no ${shownPath(path)} in ${nameOf(tree)}.`, {
    suggestions: ['Paths begin at the volume’s root, whatever it was mounted at.'],
    data: { volume: tree.id, path: shownPath(path) },
  })
}
