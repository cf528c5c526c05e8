import type { SnapshotTree } from './config.ts'
import { readConfig } from './read-config.ts'
import type { ReadingRequest } from './reading.ts'

/** So many snapshots are looked through for each directory's newest. */
const lookBack = 20

/**
 * For each directory of a group, what it was like in its newest snapshot on the same engine. A directory of that name that was
 * made anew since has files with other times and inodes, so that nothing is taken for unchanged.
 */
export async function newestTrees({
  contents,
  engine,
  group,
  repository,
  seal,
}: ReadingRequest): Promise<Map<string, SnapshotTree>> {
  const found = new Map<string, SnapshotTree>()
  for (const { manifest } of contents.snapshots.slice(0, lookBack)) {
    // What cannot be read is no base; everything is read then.
    const config = await readConfig(repository, seal, manifest.config).catch(() => undefined)
    if (config?.engine.id !== engine.info.ID) continue
    for (const { id, kind, source } of group.trees) {
      const tree = config.trees.find((other) => other.kind === kind && other.source === source)
      if (tree && !found.has(id)) found.set(id, tree)
    }
    if (found.size === group.trees.length) break
  }
  return found
}
