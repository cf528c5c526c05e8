import { ChunkStore } from '../chunk-store.ts'
import type { Repository } from '../repository/repository.ts'
import { unsealed } from '../seal.ts'
import type { Damages } from './damages.ts'
import type { Examined } from './examine.ts'
import type { BadChunks } from './packs.ts'
import { checkTrees, type Losses } from './trees.ts'

/** How a snapshot was found. */
export interface Verdict {
  id: string
  createdAt: string
  isWhole: boolean
  /** Whether it can be told what is in it. */
  isReadable: boolean
  /** Trees and images that are lost as a whole. */
  lost: string[]
  /** Files that are lost, where that can be told; the first thousand. */
  lostFiles: Losses['files']
  lostFileCount: number
}

/** What verdicts are found with. */
export interface Court {
  repository: Repository
  damages: Damages
  bad: BadChunks
  signal: AbortSignal
  /** Is told each chunk that is needed, once or more. */
  onChunk?: (digest: Buffer) => void
}

/** Looks whether all is there that a snapshot refers to. */
export async function judge(
  { repository, damages, bad, signal, onChunk }: Court,
  { areIndexesWhole, config, listed: { id, createdAt }, manifest, packs, seal }: Examined,
): Promise<Verdict> {
  signal.throwIfAborted()
  for (const { digest } of [manifest.config, ...manifest.layers]) damages.affects(digest, id)
  const chunks = new ChunkStore(repository, seal ?? unsealed)
  chunks.addPacks(packs)
  const directory = await repository.workDirectory()
  const isReadable = config !== undefined && areIndexesWhole
  const losses = isReadable
    ? await checkTrees({ id, config, chunks, directory, damages, bad, onChunk: onChunk ?? (() => undefined) })
    : { files: [], count: 0, whole: [] }
  return {
    id,
    createdAt,
    isWhole: !damages.all.some(({ snapshots }) => snapshots.includes(id)),
    isReadable,
    lost: losses.whole,
    lostFiles: losses.files,
    lostFileCount: losses.count,
  }
}
