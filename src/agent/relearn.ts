import type { AgentClient } from './client.ts'
import type { TreeParams } from './protocol.ts'

export interface RelearnOptions {
  /** The agent that will send. */
  source: AgentClient
  /** The agent whose trees hold something already. */
  target: AgentClient
  trees: readonly (TreeParams & { targetPath?: string })[]
}

/**
 * Lets two agents know again what the target holds, when the catalogs of an earlier run are gone: the target reads its trees,
 * and the source gets their catalogs. The next round then sends only blocks that differ.
 */
export async function relearn({ source, target, trees }: RelearnOptions): Promise<void> {
  for (const { id, path, targetPath } of trees) {
    await target.request('scanTree', { id, path: targetPath ?? path })
    for (let offset = 0, isLast = false; !isLast; ) {
      const piece = await target.request('readCatalog', { id, offset })
      await source.request('writeCatalog', { id, offset, ...piece })
      offset += Buffer.byteLength(piece.data, 'base64')
      isLast = piece.isLast
    }
  }
}
