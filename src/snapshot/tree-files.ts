import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AgentClient } from '../agent/client.ts'
import { digestBytes, portableStart } from '../agent/entry.ts'
import { TreeReader } from '../agent/snapshot/tree-reader.ts'
import type { ChunkStore } from './chunk-store.ts'
import type { SnapshotTree } from './config.ts'
import { damaged } from './repository/failures.ts'
import { refuseWithoutSpace } from './repository/receive.ts'

const pieceBytes = 1 << 20
/** Signals and heartbeats are not kept waiting for longer. */
const turnMs = 50

/** A tree of a snapshot in a file of this machine, for as long as it is worked on. */
export class TreeFile implements AsyncDisposable {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Puts a tree together from its chunks. @throws NotVerifiedError when the repository is damaged. */
  static async open(
    chunks: ChunkStore,
    directory: string,
    { id, refs }: Pick<SnapshotTree, 'id' | 'refs'>,
  ): Promise<TreeFile> {
    const name = `tree-${process.pid}-${Math.random().toString(36).slice(2)}-${encodeURIComponent(id).slice(0, 60)}`
    const tree = new TreeFile(join(directory, name))
    const file = await open(tree.path, 'wx', 0o600)
    try {
      await refuseWithoutSpace(
        directory,
        refs.reduce((sum, { length }) => sum + length, 0),
      )
      for (const { digest, length } of refs) {
        const content = await chunks.read(Buffer.from(digest, 'hex'))
        if (content.length !== length) throw damaged(chunks.repository.name, `The list of files of ${id}`)
        await file.writeFile(content)
        chunks.release(content)
      }
    } catch (error) {
      await tree[Symbol.asyncDispose]()
      throw error
    } finally {
      await file.close()
    }
    return tree
  }

  /** Reads it from its first entry on; the caller closes the reader. */
  reader(): TreeReader {
    return new TreeReader(this.path, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { force: true })
  }
}

/**
 * Reads a tree to its end. `isAsDescribed`: its entries are those that its snapshot was made of. `catalogBytes`: what a catalog
 * of it takes, with a digest for every block, also of holes. @throws Error for one that cannot be read.
 */
export async function surveyTree(
  file: TreeFile,
  { digest, entries }: Pick<SnapshotTree, 'digest' | 'entries'>,
): Promise<{ isAsDescribed: boolean; catalogBytes: number }> {
  const reader = file.reader()
  try {
    const hash = createHash('sha256')
    let [count, catalogBytes] = [0, 0]
    let turnAtMs = performance.now() + turnMs
    for (let head = reader.peek(); head; head = reader.peek()) {
      catalogBytes += head.end - head.start + head.blocks * digestBytes
      hash.update(head.buffer.subarray(head.start + portableStart, head.end))
      for (let ref = reader.nextRef(); ref; ref = reader.nextRef()) hash.update(ref)
      reader.next()
      count++
      if (performance.now() < turnAtMs) continue
      await nextTurn()
      turnAtMs = performance.now() + turnMs
    }
    return { isAsDescribed: count === entries && hash.digest('hex') === digest, catalogBytes }
  } finally {
    reader.close()
  }
}

/** Lets an agent know what a tree was like in an earlier snapshot. */
export async function sendTree(
  agent: AgentClient,
  { id, entries, isTrusted }: Pick<SnapshotTree, 'id' | 'entries' | 'isTrusted'>,
  file: TreeFile,
): Promise<void> {
  let isFirst = true
  for await (const piece of createReadStream(file.path, { highWaterMark: pieceBytes })) {
    await agent.request('writeTree', { id, isFirst, data: (piece as Buffer).toString('base64') })
    isFirst = false
  }
  await agent.request('writeTree', { id, isFirst, data: '', last: { entries, isTrusted } })
}
