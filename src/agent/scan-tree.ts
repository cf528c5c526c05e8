import { setImmediate as nextTurn } from 'node:timers/promises'
import { giveBuffer, takeBuffer } from './buffer-pool.ts'
import { AgentError } from './errors.ts'
import { openTreeSender } from './open-tree-sender.ts'
import { OpsWriter } from './ops.ts'
import type { Params, Result } from './protocol.ts'

const sliceMilliseconds = 50

/**
 * Reads a whole tree and writes its catalog, as a first round would, and sends nothing. So an engine learns again what it
 * has after the catalogs were lost, and what it wrote is read back from where it was written.
 */
export class TreeScan {
  readonly #params: Params<'scanTree'>
  readonly #directory: string
  #abortReason: string | undefined

  constructor(params: Params<'scanTree'>, directory: string) {
    this.#params = params
    this.#directory = directory
  }

  abort(reason: string): void {
    this.#abortReason = reason
  }

  async run(): Promise<Result<'scanTree'>> {
    const { id, path, fromDisk = false } = this.#params
    const ops = new OpsWriter(takeBuffer)
    const directory = this.#directory
    const startedAt = Date.now()
    const options = { id, path, directory, base: undefined, isFinal: false, startedAt, fromDisk }
    const sender = openTreeSender(options, ops)
    try {
      let sliceEnd = performance.now() + sliceMilliseconds
      while (sender.step()) {
        if (ops.isFull) giveBuffer(ops.take({ round: 0, tree: 0 }))
        if (performance.now() < sliceEnd) continue
        await nextTurn()
        if (this.#abortReason !== undefined) throw new AgentError('aborted', this.#abortReason)
        sliceEnd = performance.now() + sliceMilliseconds
      }
      const digest = sender.finish(false)
      giveBuffer(ops.take({ round: 0, tree: 0 }))
      return { digest, files: sender.counts.files, bytes: sender.counts.totalBytes }
    } catch (error) {
      sender.discard()
      throw error
    }
  }
}
