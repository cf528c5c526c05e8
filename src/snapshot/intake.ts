import { batchHeaderBytes, readOrigin, verifyBatch } from '../agent/batch.ts'
import { giveBuffer } from '../agent/buffer-pool.ts'
import type { Channel } from '../agent/channel.ts'
import { type ChunkRecord, readRecords } from '../agent/snapshot/records.ts'
import type { PackWriter } from './pack-writer.ts'

/** A quarter of the time after which an agent gives up on whoever takes nothing. */
const patienceMilliseconds = 30_000

/** Takes chunks from an agent and puts them into packs. */
export class Intake {
  readonly #channel: Channel
  readonly #number: number
  readonly #packs: PackWriter
  readonly #askPatience: () => void
  readonly #failure = Promise.withResolvers<never>()
  #received = 0
  #isEnded = false
  #onProgress: () => void = () => undefined

  /**
   * `number` is what the agent marks its batches with. `askPatience` is called now and then while a pack takes its time, such
   * as one that goes to a registry over a slow line.
   */
  constructor(channel: Channel, number: number, packs: PackWriter, askPatience: () => void) {
    this.#channel = channel
    this.#number = number
    this.#packs = packs
    this.#askPatience = askPatience
    // Whoever waits for something meets it.
    this.#failure.promise.catch(() => undefined)
    channel.startReceiving()
    void this.#run()
  }

  /** Waits for something that the agent does. @throws whatever goes wrong with the link or the repository meanwhile. */
  beside<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failure.promise])
  }

  /** Waits until so many chunks have come. */
  async received(chunks: number): Promise<void> {
    while (this.#received < chunks) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#onProgress = resolve
      await this.beside(promise)
    }
  }

  end(): void {
    this.#isEnded = true
    this.#channel.fail(new Error('ended'))
    this.#channel.stopReceiving()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isEnded) await this.#take(await this.#channel.receive())
    } catch (error) {
      if (!this.#isEnded) this.#failure.reject(error)
    }
  }

  async #add(record: ChunkRecord): Promise<void> {
    const timer = setInterval(this.#askPatience, patienceMilliseconds)
    try {
      await this.#packs.add(record)
    } finally {
      clearInterval(timer)
    }
  }

  async #take(batch: Buffer): Promise<void> {
    verifyBatch(batch)
    if (readOrigin(batch).round === this.#number) {
      for (const record of readRecords(batch, batchHeaderBytes)) {
        await this.#add(record)
        this.#received++
      }
    }
    giveBuffer(batch)
    this.#onProgress()
  }
}
