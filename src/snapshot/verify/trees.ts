import { createHash } from 'node:crypto'
import { portableStart } from '../../agent/entry.ts'
import type { ChunkRef } from '../../agent/protocol.ts'
import { messageOf, WherryError } from '../../model/errors.ts'
import { shownPath } from '../browse/entry.ts'
import { TreeWalk } from '../browse/walk.ts'
import type { ChunkStore } from '../chunk-store.ts'
import type { SnapshotConfig, SnapshotTree } from '../config.ts'
import type { Damages } from './damages.ts'
import { type BadChunks, chunkName } from './packs.ts'

const hole = Buffer.alloc(32)
const namedAtMost = 1000

/** What of a snapshot cannot be had. */
export interface Losses {
  /** Files that need a chunk that is damaged or missing; the first thousand. */
  files: { tree: string; path: string }[]
  /** How many there are. */
  count: number
  /** Trees whose list of files cannot be read, and images. */
  whole: string[]
}

export interface TreesRequest {
  id: string
  config: Pick<SnapshotConfig, 'trees' | 'images'>
  chunks: ChunkStore
  directory: string
  damages: Damages
  bad: BadChunks
  /** Is told each chunk that is needed, once or more. */
  onChunk: (digest: Buffer) => void
}

/** Looks whether every chunk that a snapshot refers to is in one of its packs, and which files are lost where one is not. */
export async function checkTrees(request: TreesRequest): Promise<Losses> {
  const losses: Losses = { files: [], count: 0, whole: [] }
  for (const { id, refs = [] } of request.config.images)
    if (!(await allGood(request, refs, false))) losses.whole.push(id)
  for (const tree of request.config.trees) {
    if (!(await allGood(request, tree.refs, true))) losses.whole.push(tree.id)
    else await checkFiles(request, tree, losses)
  }
  return losses
}

/** Whether chunks can be had. Those of trees are read: they are few, and what they say is needed. */
async function allGood(request: TreesRequest, refs: readonly ChunkRef[], isRead: boolean): Promise<boolean> {
  const { bad, chunks, damages, id } = request
  let areGood = true
  for (const { digest: hex, length } of refs) {
    const digest = Buffer.from(hex, 'hex')
    const pack = goodPlace(request, digest, length)
    if (pack === undefined) areGood = false
    if (pack === undefined || !isRead) continue
    try {
      chunks.release(await chunks.read(digest))
    } catch {
      areGood = false
      bad.chunks.add(chunkName(pack, digest))
      const message = `Chunk ${hex.slice(0, 16)}… of pack ${pack} is damaged.`
      damages.add({ kind: 'chunk', name: chunkName(pack, digest), problem: 'damaged', message }, id)
    }
  }
  return areGood
}

/** The pack that a chunk can be had from; undefined, and noted, where there is none. */
function goodPlace(
  { bad, chunks, damages, id, onChunk }: TreesRequest,
  digest: Buffer,
  length: number,
): string | undefined {
  onChunk(digest)
  const place = chunks.index.find(digest)
  const name = digest.toString('hex')
  const pack = chunks.packs[place?.pack ?? -1]?.digest
  if (!place || pack === undefined) {
    const message = `Chunk ${name.slice(0, 16)}… is in none of the packs of snapshot ${id}.`
    damages.add({ kind: 'chunk', name, problem: 'missing', message }, id)
    return undefined
  }
  if (bad.has(pack, digest)) {
    damages.affects(chunkName(pack, digest), id)
    return undefined
  }
  if (place.length === length) return pack
  const message = `Chunk ${name.slice(0, 16)}… of pack ${pack} has another length than a reference to it says.`
  damages.add({ kind: 'chunk', name: chunkName(pack, digest), problem: 'damaged', message }, id)
  return undefined
}

async function checkFiles(request: TreesRequest, tree: SnapshotTree, losses: Losses): Promise<void> {
  const { chunks, damages, directory, id } = request
  try {
    await using walk = await TreeWalk.open(chunks, directory, tree)
    const hash = createHash('sha256')
    let entries = 0
    for (let head = walk.next(); head; head = walk.next()) {
      entries++
      hash.update(head.buffer.subarray(head.start + portableStart, head.end))
      let isGood = true
      for (let ref = walk.nextRef(); ref; ref = walk.nextRef()) {
        hash.update(ref.bytes)
        if (!ref.digest.equals(hole) && goodPlace(request, ref.digest, ref.length) === undefined)
          isGood = false
      }
      if (!isGood) lose(losses, tree.id, walk.path)
    }
    if (entries === tree.entries && hash.digest('hex') === tree.digest) return
    throw new RangeError('it is not the one that was read')
  } catch (error) {
    const isForeseen = error instanceof WherryError || error instanceof RangeError
    if (!isForeseen) throw error
    losses.whole.push(tree.id)
    const message = `The list of files of ${tree.id} in snapshot ${id} is damaged: ${messageOf(error)}`
    damages.add({ kind: 'tree', name: `${tree.id} of ${id}`, problem: 'damaged', message }, id)
  }
}

function lose(losses: Losses, tree: string, path: string): void {
  losses.count++
  if (losses.files.length < namedAtMost) losses.files.push({ tree, path: shownPath(path) })
}
