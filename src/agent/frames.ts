import type { Readable, Writable } from 'node:stream'
import { takeBuffer } from './buffer-pool.ts'
import { AgentError } from './errors.ts'

/**
 * Frames carry control messages and data over one stream: `u8` channel, `u32` length (little endian), payload.
 * The same frames are used on an agent's stdin and stdout and on the direct link between two agents.
 */
export const channels = { control: 0, data: 1 } as const

const headerBytes = 5
/** Room for a frame's header before a data payload, so that both go out in one write without being copied. */
export const frameHeaderBytes = headerBytes
const maxFrameBytes = 1 << 28
// One on its way and one behind it: what waits beyond that is joined, and so copied, before it is encrypted.
const maxQueuedFrames = 2

/** What arrives on a frame stream. */
export interface FrameHandlers {
  control: (message: unknown) => void
  /** A data frame; its buffer belongs to the receiver, who gives it back to the pool. */
  data: (payload: Buffer) => void
  /** Called once: the stream has ended or broken. */
  end: (error: Error | undefined) => void
}

/** Frames over a pair of streams. Handlers may be replaced at any time. */
export class FrameStream {
  readonly #readable: Readable
  readonly #writable: Writable
  readonly #header = Buffer.alloc(headerBytes)
  #headerLength = 0
  #payload: Buffer | undefined
  #filled = 0
  #unsent = 0
  #hasEnded = false
  handlers: FrameHandlers

  constructor(readable: Readable, writable: Writable, handlers: FrameHandlers) {
    this.#readable = readable
    this.#writable = writable
    this.handlers = handlers
    readable.on('data', (chunk: Buffer) => this.#take(chunk))
    readable.once('end', () => this.#end(undefined))
    readable.once('close', () => this.#end(undefined))
    readable.once('error', (error) => this.#end(error))
    writable.once('close', () => this.#end(undefined))
    writable.on('error', (error) => this.#end(error))
    // Each frame under way listens for the end, and several may be.
    writable.setMaxListeners(maxQueuedFrames * 4)
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Sends a control message. */
  control(message: unknown): void {
    if (this.#hasEnded) return
    const text = Buffer.from(JSON.stringify(message))
    const frame = Buffer.alloc(headerBytes + text.length)
    text.copy(frame, headerBytes)
    // A stream that ends says so to `handlers.end`, once for all that was under way.
    this.#write(withHeader(channels.control, frame.subarray(headerBytes))).catch(() => undefined)
  }

  /**
   * Sends data; `frameHeaderBytes` before `payload` in the same memory are used for the header. Resolves when there is room for more, so that a slow reader holds the sender up; `onSent` is called when
   * the buffer may be used again. Rejects when the stream has ended.
   */
  async data(payload: Buffer, onSent: () => void): Promise<void> {
    if (this.#hasEnded) throw broken()
    this.#unsent++
    const sent = this.#write(withHeader(channels.data, payload)).then(() => {
      this.#unsent--
      onSent()
    })
    if (this.#unsent >= maxQueuedFrames) await sent
    // The next frame then finds the stream ended.
    else sent.catch(() => undefined)
  }

  pause(): void {
    this.#readable.pause()
  }

  resume(): void {
    this.#readable.resume()
  }

  /** Ends the stream at once. */
  destroy(): void {
    this.#readable.destroy()
    this.#writable.destroy()
    this.#end(undefined)
  }

  #write(frame: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const onEnd = () => reject(broken())
      this.#writable.once('close', onEnd)
      this.#writable.write(frame, (error) => {
        this.#writable.off('close', onEnd)
        if (error) reject(broken(error))
        else resolve()
      })
    })
  }

  #take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#hasEnded; ) {
      if (!this.#payload) {
        const copied = chunk.copy(this.#header, this.#headerLength, at, at + headerBytes - this.#headerLength)
        this.#headerLength += copied
        at += copied
        if (this.#headerLength < headerBytes || !this.#openPayload(chunk)) continue
      }
      if (!this.#payload) continue
      const copied = chunk.copy(this.#payload, this.#filled, at)
      this.#filled += copied
      at += copied
      if (this.#filled === this.#payload.length) this.#deliver(this.#payload)
    }
  }

  /** Makes room for what a complete header announces. False when that cannot be a frame. */
  #openPayload(chunk: Buffer): boolean {
    const length = this.#header.readUInt32LE(1)
    if (length > maxFrameBytes || (this.#header[0] ?? 0) > channels.data) {
      this.#fail(chunk)
      return false
    }
    const whole = length > 65_536 ? takeBuffer(headerBytes + length) : Buffer.alloc(headerBytes + length)
    this.#payload = whole.subarray(headerBytes, headerBytes + length)
    this.#filled = 0
    if (length === 0) this.#deliver(this.#payload)
    return length > 0
  }

  #deliver(payload: Buffer): void {
    this.#payload = undefined
    this.#headerLength = 0
    if (this.#header[0] === channels.data) {
      this.handlers.data(payload)
      return
    }
    let message: unknown
    try {
      message = JSON.parse(payload.toString())
    } catch {
      this.#fail(payload)
      return
    }
    this.handlers.control(message)
  }

  #fail(bytes: Buffer): void {
    const text = bytes.toString('latin1', 0, 300).replace(/[^ -~]+/g, ' ')
    this.#end(new AgentError('protocol', `This is not an agent speaking: ${text.trim()}`))
    this.destroy()
  }

  #end(error: Error | undefined): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.handlers.end(error)
  }
}

/** The error for a link that ended too early. */
export function broken(cause?: unknown): AgentError {
  const why = cause instanceof Error ? `: ${cause.message}` : ''
  return new AgentError('link-broken', `The link between the two engines broke${why}`, {
    cause,
    suggestions: ['Check the network between the engines, and try again.'],
  })
}

/** The frame around a payload that has room for a header before it. */
function withHeader(channel: number, payload: Buffer): Buffer {
  const frame = Buffer.from(payload.buffer, payload.byteOffset - headerBytes, headerBytes + payload.length)
  frame[0] = channel
  frame.writeUInt32LE(payload.length, 1)
  return frame
}
