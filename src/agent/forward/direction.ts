import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'
import { socketOptions } from './dial.ts'

const usualBytes = 64 * 1024
/** For a connection that fills the usual one: a fifth less processor time again. */
const largeBytes = 1024 * 1024
const maxLarge = 64
let large = 0

/**
 * One direction of a connection. What is read goes out of the same buffer, which is filled again only when the kernel has
 * taken everything: that is the back-pressure, and it bounds the memory of a connection. Against `pipe`, which makes a new
 * buffer for each read, a gigabyte takes two thirds of the processor time.
 */
export class Direction {
  readonly onread: OnReadOpts
  #from: Socket | undefined
  #to: Socket | undefined
  #waits = false
  // Not touched before bytes arrive: idle connections hold next to no memory.
  #buffer = Buffer.allocUnsafeSlow(usualBytes)

  constructor() {
    this.onread = {
      buffer: () => this.#buffer,
      callback: (bytes, buffer) => {
        if (bytes === usualBytes) this.#enlarge()
        return this.#pass(buffer.subarray(0, bytes))
      },
    }
  }

  /** Lets the bytes flow. The reading socket must have been made with this direction's `onread`. */
  join(from: Socket, to: Socket): void {
    this.#from = from
    this.#to = to
    from.on('end', () => to.end())
    from.on('error', () => {})
    from.on('close', () => {
      if (this.#buffer.length === largeBytes) large--
      // What was cut off must not look like an end to the other side.
      if (!from.readableEnded || !from.writableFinished) to.resetAndDestroy()
    })
    from.resume()
  }

  #enlarge(): void {
    if (large === maxLarge || this.#buffer.length === largeBytes) return
    large++
    this.#buffer = Buffer.allocUnsafeSlow(largeBytes)
  }

  #pass(bytes: Uint8Array): boolean {
    this.#to?.write(bytes, this.#written)
    this.#waits = (this.#to?.writableLength ?? 0) > 0
    return !this.#waits
  }

  readonly #written = () => {
    if (!this.#waits) return
    this.#waits = false
    this.#from?.resume()
  }
}

type Handled = { _handle: object | null }

/**
 * Gives an accepted socket that has not been read from a buffer of its own. Node takes `onread` for sockets that it connects
 * only, so the handle moves to a new socket, in the way net.Server makes its own.
 */
export function withBuffer(accepted: Socket, onread: OnReadOpts): Socket {
  const handled = accepted as unknown as Handled
  const handle = handled._handle
  handled._handle = null
  const options = { ...socketOptions, handle, onread }
  return new Socket(options as SocketConstructorOpts)
}
