import { giveBuffer } from './buffer-pool.ts'
import { broken, type FrameStream } from './frames.ts'

const maxQueued = 12
/** The source sends at least a heartbeat every few seconds; a link that is silent for so long is dead. */
const silenceMilliseconds = 60_000
/** A target that takes nothing for so long is dead too; a slow disk needs some patience. */
const stallMilliseconds = 120_000

/** Batches from source to target, over whichever link there is. */
export class Channel {
  readonly isAuthenticated: boolean
  readonly #stream: FrameStream
  readonly #queue: Buffer[] = []
  #waiting: { resolve: (batch: Buffer) => void; reject: (error: Error) => void } | undefined
  /** Sends that wait for room. */
  readonly #stuck = new Set<{ reject: (error: Error) => void; timer: NodeJS.Timeout }>()
  #isReceiving = false
  #failure: Error | undefined

  /** `isAuthenticated`: nobody between the two agents can change what passes. */
  constructor(stream: FrameStream, isAuthenticated: boolean) {
    this.#stream = stream
    this.isAuthenticated = isAuthenticated
  }

  /** Sends a batch from the buffer pool, which gets it back. Resolves when there is room for another. */
  async send(batch: Buffer): Promise<void> {
    if (this.#failure) throw this.#failure
    const sent = this.#stream.data(batch, () => giveBuffer(batch))
    // When `stuck` wins the race nobody waits for this one any more.
    sent.catch(() => undefined)
    const { promise, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(broken(new Error('nothing was taken for two minutes'))),
      stallMilliseconds,
    )
    const stuck = { reject, timer }
    this.#stuck.add(stuck)
    try {
      await Promise.race([sent, promise])
    } finally {
      clearTimeout(timer)
      this.#stuck.delete(stuck)
    }
  }

  /** Whoever is to take what is being sent is busy and has not gone: it is given its time again. */
  keepWaiting(): void {
    for (const { timer } of this.#stuck) timer.refresh()
  }

  /** A new round begins: forgets why the one before was called off. */
  reset(): void {
    this.#failure = this.#stream.hasEnded ? broken() : undefined
  }

  /** From now on batches are queued for `receive`; before and after they are thrown away. */
  startReceiving(): void {
    this.reset()
    this.#isReceiving = true
  }

  stopReceiving(): void {
    this.#isReceiving = false
    for (const batch of this.#queue.splice(0)) giveBuffer(batch)
    this.#stream.resume()
  }

  /** The next batch. Rejects when the link breaks or is silent for too long. */
  async receive(): Promise<Buffer> {
    const batch = this.#queue.shift()
    if (this.#queue.length < maxQueued) this.#stream.resume()
    if (batch) return batch
    if (this.#failure) throw this.#failure
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.fail(broken(new Error('nothing came for a minute'))),
        silenceMilliseconds,
      )
      this.#waiting = {
        resolve: (value) => {
          clearTimeout(timer)
          resolve(value)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      }
    })
  }

  /** Takes in a batch that the stream delivered. */
  deliver(batch: Buffer): void {
    if (!this.#isReceiving) {
      giveBuffer(batch)
      return
    }
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting) {
      waiting.resolve(batch)
      return
    }
    this.#queue.push(batch)
    if (this.#queue.length >= maxQueued) this.#stream.pause()
  }

  /** Makes whoever sends or receives fail. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#waiting?.reject(error)
    this.#waiting = undefined
    for (const { reject } of this.#stuck) reject(error)
  }
}
