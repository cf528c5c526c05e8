import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { emptyBatch } from '../../agent/batch.ts'
import { writeChecksum, writeDigest } from '../../agent/block-digest.ts'
import { takeBuffer } from '../../agent/buffer-pool.ts'
import { CatalogReader } from '../../agent/catalog-reader.ts'
import { CatalogWriter } from '../../agent/catalog-writer.ts'
import type { Channel } from '../../agent/channel.ts'
import type { AgentClient } from '../../agent/client.ts'
import { OpsWriter } from '../../agent/ops.ts'
import { receiving } from '../../agent/round.ts'
import { TreeReader } from '../../agent/snapshot/tree-reader.ts'
import { messageOf, NotVerifiedError, WherryError } from '../../model/errors.ts'
import type { Report } from '../../model/progress.ts'
import type { ChunkStore } from '../chunk-store.ts'
import type { SnapshotTree } from '../config.ts'
import { damaged } from '../repository/failures.ts'
import { refuseWithoutSpace } from '../repository/receive.ts'
import { surveyTree, TreeFile } from '../tree-files.ts'
import type { EntryWriter } from './entry-writer.ts'
import { TreeMerger } from './merge-tree.ts'
import { TreeRestorer } from './restore-tree.ts'

const heartbeatMilliseconds = 5_000
const progressMilliseconds = 200

/** A tree, and where the agent sees the place that it goes to. */
export interface TreeToSend {
  tree: SnapshotTree
  path: string
  /**
   * What is there already, as files of this machine: the tree with its chunks, and the agent's own catalog of it. `scope`: what
   * of the tree is wanted, names from the root down; everything where there are none. Without this, what is there goes.
   */
  merge?: { tree: string; catalog: string; scope: readonly string[] }
}

export interface SendTreesRequest {
  agent: AgentClient
  channel: Channel
  chunks: ChunkStore
  /** For files that are worked with. */
  directory: string
  trees: readonly TreeToSend[]
  report: Report
  signal: AbortSignal
}

/** What a tree came to on the target: `digest` is what both ends of this round came to, over everything that is carried. */
export interface RestoredTree {
  id: string
  files: number
  bytes: number
  digest: string
}

/**
 * Makes trees of a snapshot on an engine, in directories whose content goes. Every chunk is compared with its digest, and what
 * the target has in the end with what was sent. @throws NotVerifiedError, or the agent's error.
 */
export async function sendTrees(request: SendTreesRequest): Promise<RestoredTree[]> {
  const { agent, channel, trees } = request
  const round = randomBytes(4).readUInt32LE()
  channel.reset()
  const ready = receiving(agent, round)
  const received = agent.request('receiveRound', {
    round,
    trees: trees.map(({ tree, path, merge }) => ({ id: tree.id, path, hasBase: merge !== undefined })),
    isFinal: true,
  })
  // What it says is told below, where it says more than what goes wrong here.
  received.catch(() => undefined)
  await Promise.race([ready, received])
  const sent = new TreesSender(request, round).run()
  // It is waited for at once; the receiver may fail first.
  sent.catch(() => undefined)
  try {
    const [restored, { trees: made }] = await Promise.all([sent, received])
    const differing = restored
      .filter(({ digest }, index) => made[index]?.digest !== digest)
      .map(({ id }) => id)
    if (differing.length === 0) return restored
    throw new NotVerifiedError(`What was written is not what the snapshot holds: ${differing.join(', ')}`, {
      data: { trees: differing },
      suggestions: ['Try again; if it happens again, suspect the memory or the disk of the engine.'],
    })
  } catch (error) {
    // An agent that has gone cannot be called off.
    await agent.request('abort', { reason: messageOf(error) }).catch(() => undefined)
    const outcomes = await Promise.allSettled([sent, received])
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    throw (
      errors.find((one) => !(one instanceof WherryError && ['aborted', 'link-broken'].includes(one.code))) ??
      error
    )
  }
}

/** The sending side of one round. */
class TreesSender {
  readonly #request: SendTreesRequest
  readonly #round: number
  #tree = 0
  #reportedAtMs = 0
  #bytes = 0
  #files = 0
  #entries: EntryWriter | undefined

  constructor(request: SendTreesRequest, round: number) {
    this.#request = request
    this.#round = round
  }

  async run(): Promise<RestoredTree[]> {
    const heartbeat = setInterval(() => void this.#beat(), heartbeatMilliseconds)
    const restored: RestoredTree[] = []
    try {
      for (const tree of this.#request.trees) {
        restored.push(await this.#send(tree))
        this.#tree++
      }
    } finally {
      clearInterval(heartbeat)
    }
    return restored
  }

  async #send({ tree, merge }: TreeToSend): Promise<RestoredTree> {
    const { channel, chunks, directory } = this.#request
    await using file = await this.#open(tree)
    const reader = file.reader()
    const ops = new OpsWriter(takeBuffer)
    const catalog = new CatalogWriter(
      join(directory, `catalog-${process.pid}-${randomBytes(4).toString('hex')}`),
    )
    // Every chunk is compared with its digest when it is read. Only a link that others can get at needs more than that.
    const label = channel.isAuthenticated ? writeChecksum : writeDigest
    const parts = { reader, chunks, ops, catalog, label, send: () => this.#sendBatch(ops) }
    const there = merge && {
      there: new TreeReader(merge.tree),
      thereCatalog: new CatalogReader(merge.catalog),
    }
    const maker =
      merge && there ? new TreeMerger({ ...parts, ...there, scope: merge.scope }) : new TreeRestorer(parts)
    try {
      this.#entries = maker.entries
      await maker.run()
      const digest = catalog.finish(true)
      ops.treeEnd(digest)
      await this.#sendBatch(ops)
      const { bytes, files } = maker.entries
      this.#bytes += bytes
      this.#files += files
      return { id: tree.id, files, bytes, digest }
    } catch (error) {
      if (error instanceof WherryError || this.#request.signal.aborted) throw error
      throw damaged(chunks.repository.name, `The list of files of ${tree.id}`, error)
    } finally {
      catalog.discard()
      await rm(catalog.path, { force: true })
      reader.close()
      there?.there.close()
      there?.thereCatalog.close()
    }
  }

  async #open(tree: SnapshotTree): Promise<TreeFile> {
    const { chunks, directory } = this.#request
    const file = await TreeFile.open(chunks, directory, tree)
    try {
      const { isAsDescribed, catalogBytes } = await surveyTree(file, tree)
      if (!isAsDescribed) throw new RangeError('its entries are other ones')
      await refuseWithoutSpace(directory, catalogBytes)
      return file
    } catch (error) {
      await file[Symbol.asyncDispose]()
      if (error instanceof WherryError) throw error
      throw damaged(chunks.repository.name, `The list of files of ${tree.id}`, error)
    }
  }

  async #sendBatch(ops: OpsWriter): Promise<void> {
    this.#request.signal.throwIfAborted()
    await this.#request.channel.send(ops.take({ round: this.#round, tree: this.#tree }))
    this.#progress()
  }

  async #beat(): Promise<void> {
    // The next batch meets the same error and reports it.
    await this.#request.channel
      .send(emptyBatch({ round: this.#round, tree: this.#tree }))
      .catch(() => undefined)
  }

  #progress(): void {
    const now = performance.now()
    if (now - this.#reportedAtMs < progressMilliseconds) return
    this.#reportedAtMs = now
    const { bytes = 0, files = 0 } = this.#entries ?? {}
    const { report, trees } = this.#request
    // Of what is merged nobody knows beforehand how much is right already.
    const isWhole = trees.every(({ merge }) => !merge)
    const totalBytes = trees.reduce((sum, { tree }) => sum + tree.bytes, 0)
    report({
      type: 'bytes',
      phase: 'fill',
      bytes: this.#bytes + bytes,
      files: this.#files + files,
      ...(isWhole ? { totalBytes } : {}),
    })
  }
}
