import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { type BatchOrigin, emptyBatch } from './batch.ts'
import { takeBuffer } from './buffer-pool.ts'
import { catalogPath, readSummary } from './catalog.ts'
import type { Channel } from './channel.ts'
import { AgentError } from './errors.ts'
import { writeBack } from './file-system.ts'
import { openTreeSender } from './open-tree-sender.ts'
import { OpsWriter } from './ops.ts'
import type { Params, Progress, Result, SentTree } from './protocol.ts'
import type { TreeSender } from './send-tree.ts'

const heartbeatMilliseconds = 5_000
const progressMilliseconds = 200
/** So long the event loop may be kept from noticing that the round was called off. */
const sliceMilliseconds = 50

/** One round on the source: reads the trees and sends what changed. */
export class SendRound {
  readonly #params: Params<'sendRound'>
  readonly #channel: Channel
  readonly #directory: string
  readonly #onProgress: (progress: Progress) => void
  readonly #startedAt = performance.now()
  #abortReason: string | undefined
  #bytes = 0
  #files = 0
  #scanned = 0
  #reportedAt = 0
  #treeIndex = 0

  constructor(
    params: Params<'sendRound'>,
    channel: Channel,
    directory: string,
    onProgress: (progress: Progress) => void,
  ) {
    this.#params = params
    this.#channel = channel
    this.#directory = directory
    this.#onProgress = onProgress
  }

  abort(reason: string): void {
    this.#abortReason = reason
    this.#channel.fail(new AgentError('aborted', reason))
  }

  async run(): Promise<Result<'sendRound'>> {
    const heartbeat = setInterval(() => void this.#beat(), heartbeatMilliseconds)
    const trees: SentTree[] = []
    try {
      for (const tree of this.#params.trees) {
        trees.push(await this.#sendTree(tree))
        this.#treeIndex++
      }
    } finally {
      clearInterval(heartbeat)
    }
    return { trees, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 }
  }

  async #sendTree(tree: Params<'sendRound'>['trees'][number]): Promise<SentTree> {
    const directory = this.#directory
    const summary = tree.hasBase ? readSummary(catalogPath(directory, tree.id)) : undefined
    if (tree.hasBase && !summary) throw new AgentError('protocol', `there is no catalog of ${tree.id}`)
    const ops = new OpsWriter(takeBuffer)
    const { isFinal } = this.#params
    const options = { ...tree, directory, base: summary, isFinal, startedAt: Date.now() }
    const sender = openTreeSender(options, ops)
    const before = this.#bytes
    try {
      const isTrusted = !isFinal && (await writeBack(sender.root))
      await this.#walk(sender, ops)
      const digest = sender.finish(isTrusted)
      ops.treeEnd(digest)
      await this.#send(ops)
      this.#files += sender.counts.filesSent
      this.#scanned += sender.scanned
      this.#progress(0, 0, true)
      return { id: tree.id, ...sender.counts, bytesSent: this.#bytes - before, digest }
    } catch (error) {
      sender.discard()
      throw error
    }
  }

  async #walk(sender: TreeSender, ops: OpsWriter): Promise<void> {
    let sliceEnd = performance.now() + sliceMilliseconds
    while (sender.step()) {
      if (ops.isFull) await this.#send(ops)
      else if (performance.now() < sliceEnd) continue
      else await nextTurn()
      if (this.#abortReason !== undefined) throw new AgentError('aborted', this.#abortReason)
      this.#progress(sender.counts.filesSent, sender.scanned, false)
      sliceEnd = performance.now() + sliceMilliseconds
    }
  }

  async #send(ops: OpsWriter): Promise<void> {
    const batch = ops.take(this.#origin)
    this.#bytes += batch.length
    await this.#channel.send(batch)
    const limit = this.#params.limitBytesPerSecond
    if (!limit) return
    const due = this.#startedAt + (this.#bytes / limit) * 1000
    for (let left = due - performance.now(); left > 1; left = due - performance.now()) {
      if (this.#abortReason !== undefined) return
      await delay(Math.min(left, 200))
    }
  }

  /** An empty batch, so that the target can tell a long scan from a dead link. */
  async #beat(): Promise<void> {
    // The round's next batch meets the same error and reports it.
    await this.#channel.send(emptyBatch(this.#origin)).catch(() => undefined)
  }

  get #origin(): BatchOrigin {
    return { round: this.#params.round, tree: this.#treeIndex }
  }

  #progress(files: number, scanned: number, isLast: boolean): void {
    const now = performance.now()
    if (!isLast && now - this.#reportedAt < progressMilliseconds) return
    this.#reportedAt = now
    this.#onProgress({
      bytes: this.#bytes,
      files: this.#files + files,
      scannedFiles: this.#scanned + scanned,
    })
  }
}
