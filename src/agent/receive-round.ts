import { setImmediate as nextTurn } from 'node:timers/promises'
import { batchHeaderBytes, readOrigin, verifyBatch } from './batch.ts'
import { giveBuffer } from './buffer-pool.ts'
import { catalogPath, removeCatalog } from './catalog.ts'
import type { Channel } from './channel.ts'
import { AgentError } from './errors.ts'
import type { Params, Result } from './protocol.ts'
import { TreeReceiver } from './receive-tree.ts'
import { syncFileSystem } from './system.ts'

/** Write-backs that a pre-copy round left running; the next round waits for them. */
export class WriteBacks {
  #running: Promise<void>[] = []

  /** Begins to flush a tree's file system; `done` is called at the end. */
  start(root: number, done: () => void): void {
    const running = syncFileSystem(root).finally(done)
    // It may fail long before the next round waits for it.
    running.catch(() => undefined)
    this.#running.push(running)
  }

  /** Waits for everything begun. Throws when data could not be written to the disk. */
  async wait(): Promise<void> {
    try {
      await Promise.all(this.#running.splice(0))
    } catch (cause) {
      throw new AgentError('write-failed', 'The target could not write the data to its disk', { cause })
    }
  }
}

/** One round on the target: applies what comes, tree by tree. */
export class ReceiveRound {
  readonly #params: Params<'receiveRound'>
  readonly #channel: Channel
  readonly #directory: string
  readonly #writeBacks: WriteBacks

  constructor(params: Params<'receiveRound'>, channel: Channel, directory: string, writeBacks: WriteBacks) {
    this.#params = params
    this.#channel = channel
    this.#directory = directory
    this.#writeBacks = writeBacks
  }

  abort(reason: string): void {
    this.#channel.fail(new AgentError('aborted', reason))
  }

  async run(): Promise<Result<'receiveRound'>> {
    const trees: { id: string; digest: string }[] = []
    const before = this.#writeBacks.wait()
    // It may fail while trees are still received; when those fail first, their error is the one to tell.
    before.catch(() => undefined)
    try {
      for (const [index, tree] of this.#params.trees.entries()) {
        trees.push({ id: tree.id, digest: await this.#receiveTree(index, tree) })
      }
    } finally {
      this.#channel.stopReceiving()
    }
    await before
    if (this.#params.isFinal) await this.#writeBacks.wait()
    return { trees, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 }
  }

  async #receiveTree(index: number, tree: Params<'receiveRound'>['trees'][number]): Promise<string> {
    const path = catalogPath(this.#directory, tree.id)
    const receiver = new TreeReceiver({
      ...tree,
      catalogPath: path,
      checksBlocks: !this.#channel.isAuthenticated,
    })
    try {
      const sourceDigest = await this.#applyAll(receiver, index)
      const digest = receiver.finish()
      if (digest !== sourceDigest) removeCatalog(path)
      this.#writeBacks.start(receiver.root, () => receiver.close())
      return digest
    } catch (error) {
      receiver.discard()
      throw error
    }
  }

  async #applyAll(receiver: TreeReceiver, index: number): Promise<string> {
    for (;;) {
      const batch = await this.#channel.receive()
      if (batch.length < batchHeaderBytes) throw new AgentError('protocol', 'a batch without a header')
      if (this.#channel.isAuthenticated) verifyBatch(batch)
      const { round, tree } = readOrigin(batch)
      // A batch of a round that failed may still be on its way when the next one begins.
      if (round !== this.#params.round) continue
      if (tree !== index) throw new AgentError('protocol', 'a batch for another tree')
      const digest = receiver.apply(batch)
      giveBuffer(batch)
      if (digest) return digest
      await nextTurn()
    }
  }
}
