import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'

/** A request that went through, with the bytes of its body and of the answer's. */
export interface Seen {
  method: string
  path: string
  range: string | undefined
  status: number
  sent: number
  received: number
}

/** Stands before a registry that speaks plain HTTP, and sees what is asked of it. */
export class Watched {
  readonly seen: Seen[] = []
  /** Answers in the registry's place where it returns true. */
  instead: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined
  /** Bodies go through no faster; 0 is as fast as they can. */
  bytesPerSecond = 0
  readonly #server: Server
  readonly #to: number

  private constructor(to: number) {
    this.#to = to
    this.#server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing))
  }

  static async before(port: number): Promise<Watched> {
    const watched = new Watched(port)
    watched.#server.listen(0, '127.0.0.1')
    await once(watched.#server, 'listening')
    return watched
  }

  get host(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`
  }

  /** Bytes of bodies to the registry and from it since `seen` was emptied last. */
  get sent(): number {
    return this.seen.reduce((sum, { sent }) => sum + sent, 0)
  }

  get received(): number {
    return this.seen.reduce((sum, { received }) => sum + received, 0)
  }

  /** Cuts every connection that there is. */
  cut(): void {
    this.#server.closeAllConnections()
  }

  close(): void {
    this.#server.close()
    this.cut()
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const seen: Seen = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      range: incoming.headers.range,
      status: 0,
      sent: 0,
      received: 0,
    }
    this.seen.push(seen)
    outgoing.on('finish', () => {
      seen.status = outgoing.statusCode
    })
    if (this.instead?.(incoming, outgoing)) return
    const { headers, method, url } = incoming
    const onwards = request({ port: this.#to, host: '127.0.0.1', method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(this.#counted((bytes) => (seen.received += bytes))).pipe(outgoing)
      answer.on('error', () => outgoing.destroy())
    })
    onwards.on('error', () => outgoing.destroy())
    incoming.on('error', () => onwards.destroy())
    incoming.on('close', () => incoming.complete || onwards.destroy())
    incoming.pipe(this.#counted((bytes) => (seen.sent += bytes))).pipe(onwards)
  }

  #counted(count: (bytes: number) => void): PassThrough {
    const through = new PassThrough()
    const write = through._transform.bind(through)
    through._transform = (chunk: Buffer, encoding, done) => {
      count(chunk.length)
      const ms = this.bytesPerSecond ? (chunk.length / this.bytesPerSecond) * 1000 : 0
      if (ms === 0) write(chunk, encoding, done)
      else setTimeout(() => write(chunk, encoding, done), ms)
    }
    return through
  }
}
