import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentClient } from '../agent/client.ts'
import { portableStart } from '../agent/entry.ts'
import { TreeReader } from '../agent/snapshot/tree-reader.ts'
import type { ChunkStore } from './chunk-store.ts'
import type { SnapshotTree } from './config.ts'

const pieceBytes = 1 << 20

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
      for (const { digest } of refs) await file.writeFile(await chunks.read(Buffer.from(digest, 'hex')))
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

/** Whether a tree's entries are those that its snapshot was made of. @throws Error for one that cannot be read to its end. */
export function isAsDescribed(
  file: TreeFile,
  { digest, entries }: Pick<SnapshotTree, 'digest' | 'entries'>,
): boolean {
  const reader = file.reader()
  try {
    const hash = createHash('sha256')
    let count = 0
    for (let head = reader.peek(); head; head = reader.peek()) {
      hash.update(head.buffer.subarray(head.start + portableStart, head.end))
      for (let ref = reader.nextRef(); ref; ref = reader.nextRef()) hash.update(ref)
      reader.next()
      count++
    }
    return count === entries && hash.digest('hex') === digest
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
