import type { Manifest } from '../../model/manifest.ts'
import type { ChunkStore } from '../chunk-store.ts'
import type { SnapshotConfig, SnapshotTree } from '../config.ts'
import { diffFields, type FieldChange } from './diff-config.ts'
import { diffTrees, type FileChange } from './diff-trees.ts'
import { TreeWalk } from './walk.ts'

/** How a directory differs. `files` is empty where all of it was added or removed. */
export interface TreeDiff {
  id: string
  change: 'added' | 'removed' | 'changed'
  files: FileChange[]
}

export interface ContainerDiff {
  name: string
  change: 'added' | 'removed' | 'changed'
  fields: FieldChange[]
}

/** What is different in the later of two snapshots. */
export interface SnapshotDiff {
  before: string
  after: string
  containers: ContainerDiff[]
  trees: TreeDiff[]
}

/** One side of a comparison. */
export interface Side {
  config: SnapshotConfig
  chunks: ChunkStore
}

/** Compares two snapshots. `directory` is for files that are worked with. @throws NotVerifiedError where one is damaged. */
export async function diffSnapshots(before: Side, after: Side, directory: string): Promise<SnapshotDiff> {
  const trees: TreeDiff[] = []
  for (const [id, a, b] of paired(before.config.trees, after.config.trees, (tree) => tree.id)) {
    if (!a || !b) trees.push({ id, change: a ? 'removed' : 'added', files: [] })
    // Equal digests are equal trees: nothing need be read.
    else if (a.digest !== b.digest) {
      const files = await filesOf(before.chunks, a, after.chunks, b, directory)
      if (files.length > 0) trees.push({ id, change: 'changed', files })
    }
  }
  return {
    before: before.config.id,
    after: after.config.id,
    containers: diffContainers(before.config.containers, after.config.containers),
    trees,
  }
}

async function filesOf(
  beforeChunks: ChunkStore,
  before: SnapshotTree,
  afterChunks: ChunkStore,
  after: SnapshotTree,
  directory: string,
): Promise<FileChange[]> {
  await using a = await TreeWalk.open(beforeChunks, directory, before)
  await using b = await TreeWalk.open(afterChunks, directory, after)
  const files: FileChange[] = []
  diffTrees(a, b, (change) => files.push(change))
  return files
}

/** What makes a container is compared, not how it was found at that instant. */
function diffContainers(before: readonly Manifest[], after: readonly Manifest[]): ContainerDiff[] {
  const lasting = ({ id, state, writableLayer, ...rest }: Manifest) => rest
  return [...paired(before, after, ({ name }) => name)].flatMap(([name, a, b]): ContainerDiff[] => {
    if (!a || !b) return [{ name, change: a ? 'removed' : 'added', fields: [] }]
    const fields = diffFields(lasting(a), lasting(b))
    return fields.length > 0 ? [{ name, change: 'changed', fields }] : []
  })
}

function* paired<T>(
  before: readonly T[],
  after: readonly T[],
  key: (item: T) => string,
): Generator<[string, T | undefined, T | undefined]> {
  const [a, b] = [before, after].map((items) => new Map(items.map((item) => [key(item), item])))
  for (const name of new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])]))
    yield [name, a?.get(name), b?.get(name)]
}
