import { createHash } from 'node:crypto'
import { HeadBuilder, portableStart } from '../../../src/agent/entry.ts'
import { types } from '../../../src/agent/file-types.ts'
import { encodings } from '../../../src/agent/snapshot/records.ts'
import { Stat } from '../../../src/agent/stat.ts'
import type { SnapshotConfig, SnapshotTree } from '../../../src/snapshot/config.ts'
import { readContents } from '../../../src/snapshot/contents.ts'
import { PackWriter } from '../../../src/snapshot/pack-writer.ts'
import { readConfig } from '../../../src/snapshot/read-config.ts'
import { DirectoryRepository } from '../../../src/snapshot/repository/directory.ts'
import { unsealed } from '../../../src/snapshot/seal.ts'
import { publishWithAll } from './made-snapshot.ts'

/** A chunk as it is to be stored, whether that makes sense or not. */
export interface ForgedChunk {
  digest: Buffer
  /** What the lists say that it holds; bytes. */
  length: number
  stored: Buffer
  encoding?: number
}

/** An entry of a tree, whether it makes sense or not. Names and paths are written as they are. */
export interface ForgedEntry {
  type: keyof typeof types
  depth: number
  name: string
  /** Of a file; the sum of its chunks unless told. */
  size?: number
  chunks?: readonly ForgedChunk[]
  /** Of a symlink. */
  target?: string
  /** Of a further link: names with NUL between them. */
  primary?: string
  /** Of a device. */
  device?: { major: number; minor: number }
}

/** What is to be different in a snapshot. */
export interface Forgery {
  /** Entries of the volume, behind its root. */
  entries?: Iterable<ForgedEntry>
  tree?: Partial<SnapshotTree>
  config?: (config: SnapshotConfig) => void
}

/** A chunk that holds what it says. */
export function chunkOf(content: Buffer): ForgedChunk {
  return { digest: digestOf(content), length: content.length, stored: content }
}

/** Publishes the newest snapshot once more with other content, as only a program that means ill would. Gives its id. */
export async function forge(repo: string, forgery: Forgery): Promise<string> {
  const repository = await DirectoryRepository.open(repo)
  const contents = await readContents(repository, unsealed, undefined)
  const genuine = contents.snapshots.at(-1)
  if (!genuine) throw new Error('there is no snapshot to forge')
  const config = await readConfig(repository, unsealed, genuine.manifest.config)
  const packs = new PackWriter(repository, await repository.workDirectory(), unsealed)
  const tree = config.trees.find(({ kind }) => kind === 'volume')
  if (!tree) throw new Error('there is no volume to forge')
  if (forgery.entries) await rewrite(tree, forgery.entries, packs)
  Object.assign(tree, forgery.tree)
  forgery.config?.(config)
  return (await publishWithAll(repository, contents, packs, config)).id
}

async function rewrite(tree: SnapshotTree, entries: Iterable<ForgedEntry>, packs: PackWriter): Promise<void> {
  const hash = createHash('sha256')
  const pieces: Buffer[] = []
  let [count, bytes] = [0, 0]
  for (const entry of [{ type: 'directory', depth: 0, name: '' } as ForgedEntry, ...entries]) {
    const head = headOf(entry)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(head.length)
    pieces.push(length, Buffer.from(head))
    hash.update(head.subarray(portableStart))
    for (const { digest, length, stored, encoding = encodings.raw } of entry.chunks ?? []) {
      if (stored.length > 0) await packs.add({ digest, length, stored, encoding })
      const ref = Buffer.alloc(36)
      ref.writeUInt32LE(length)
      digest.copy(ref, 4)
      pieces.push(ref)
      hash.update(ref)
      bytes += length
    }
    count++
  }
  const refs: SnapshotTree['refs'] = []
  const content = Buffer.concat(pieces)
  for (let at = 0; at < content.length; at += 128 << 10) {
    const piece = content.subarray(at, at + (128 << 10))
    await packs.add({ ...chunkOf(piece), encoding: encodings.raw })
    refs.push({ digest: digestOf(piece).toString('hex'), length: piece.length })
  }
  Object.assign(tree, { refs, bytes, entries: count, files: count, digest: hash.digest('hex') })
}

const heads = new HeadBuilder()
const stat = new Stat()

function headOf({ type, depth, name, size, chunks = [], target, primary, device }: ForgedEntry): Buffer {
  if (type === 'link') return heads.buildLink(depth, name, primary ?? '')
  stat.bytes.fill(0)
  stat.bytes.writeUInt16LE({ directory: 0o755, symlink: 0o777 }[type as string] ?? 0o644, 0x1c)
  stat.bytes.writeBigUInt64LE(BigInt(size ?? chunks.reduce((sum, { length }) => sum + length, 0)), 0x28)
  stat.bytes.writeUInt32LE(device?.major ?? 0, 0x80)
  stat.bytes.writeUInt32LE(device?.minor ?? 0, 0x84)
  const meta = { stat, attributes: Buffer.alloc(0), ...(target === undefined ? {} : { target }) }
  return heads.build(types[type], depth, name, meta)
}

function digestOf(content: Buffer): Buffer {
  return createHash('sha256').update(content).digest()
}
