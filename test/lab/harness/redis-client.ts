import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** One connection to Redis: commands in, replies out, in order (RESP2). */
export class RedisConnection {
  readonly #socket: Socket
  #buffered = ''
  readonly #waiting: { resolve: (reply: string) => void; reject: (error: Error) => void }[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#take(chunk.toString('latin1')))
    const fail = (error: Error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    }
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('connection closed')))
  }

  static async open(host: string, port: number, timeoutMs = 300): Promise<RedisConnection> {
    const socket = connect({ host, port, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        socket.destroy()
        reject(new Error('no connection in time'))
      }, timeoutMs)
      socket.once('connect', () => {
        clearTimeout(timer)
        resolve()
      })
      socket.once('error', (error) => {
        clearTimeout(timer)
        reject(error)
      })
    })
    return new RedisConnection(socket)
  }

  /** Sends a command; rejects on an error reply, and when there is no reply within a second. */
  async send(...words: string[]): Promise<string> {
    const encoded = words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')
    const reply = new Promise<string>((resolve, reject) => this.#waiting.push({ resolve, reject }))
    // Words are bytes, one a character.
    this.#socket.write(`*${words.length}\r\n${encoded}`, 'latin1')
    const timer = setTimeout(() => this.#socket.destroy(new Error('no reply in time')), 60_000)
    try {
      return await reply
    } finally {
      clearTimeout(timer)
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(text: string): void {
    this.#buffered += text
    for (;;) {
      const end = this.#buffered.indexOf('\r\n')
      if (end < 0) return
      const line = this.#buffered.slice(0, end)
      let next = end + 2
      let reply = line.slice(1)
      if (line.startsWith('$') && reply !== '-1') {
        next = end + 2 + Number(reply) + 2
        if (this.#buffered.length < next) return
        reply = this.#buffered.slice(end + 2, next - 2)
      }
      this.#buffered = this.#buffered.slice(next)
      const waiting = this.#waiting.shift()
      if (line.startsWith('-')) waiting?.reject(new Error(reply))
      else waiting?.resolve(reply)
    }
  }
}

/** What a writer was told, and how long it was told nothing. */
export interface WriterReport {
  acknowledged: number
  failed: number
  longestGapSeconds: number
}

/** Writes numbered keys one after the other, as fast as they are acknowledged, to whichever host answers. */
export class Writer {
  readonly #hosts: string[]
  readonly #port: number
  #stopped = false
  readonly #done: Promise<void>
  readonly report: WriterReport = { acknowledged: 0, failed: 0, longestGapSeconds: 0 }

  constructor(hosts: string[], port: number) {
    this.#hosts = hosts
    this.#port = port
    this.#done = this.#write()
  }

  async stop(): Promise<WriterReport> {
    this.#stopped = true
    await this.#done
    return this.report
  }

  async #write(): Promise<void> {
    let host = 0
    let last = performance.now()
    while (!this.#stopped) {
      const connection = await RedisConnection.open(this.#hosts[host] ?? '', this.#port).catch(
        () => undefined,
      )
      try {
        if (!connection) throw new Error('no connection')
        while (!this.#stopped) {
          const number = this.report.acknowledged
          await connection.send('SET', `n:${number}`, `value-${number}-${'x'.repeat(500)}`)
          const now = performance.now()
          this.report.longestGapSeconds = Math.max(this.report.longestGapSeconds, (now - last) / 1000)
          last = now
          this.report.acknowledged++
        }
      } catch {
        this.report.failed++
        host = (host + 1) % this.#hosts.length
        await sleep(5)
      } finally {
        connection?.close()
      }
    }
  }
}
