import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Acknowledgement } from './records.ts'

const answerTimeoutMs = 1000
const pauseMs = 8
const retryMs = 20

/**
 * A client that has records written all the time, wherever the workload serves, and keeps what was acknowledged: the only
 * memory of it that is outside both engines.
 */
export class RecordClient {
  readonly acknowledged: Acknowledgement[] = []
  /** What the workload answered instead of acknowledging, such as ENOSPC. */
  readonly refused: string[] = []
  readonly #hosts: readonly string[]
  readonly #port: number
  readonly #done: Promise<void>
  #isOn = true

  constructor(hosts: readonly string[], port: number) {
    this.#hosts = hosts
    this.#port = port
    this.#done = this.#write()
  }

  /** Waits until this many more records are acknowledged. @throws when they are not within ten seconds. */
  async hear(more: number): Promise<void> {
    const wanted = this.acknowledged.length + more
    const deadline = Date.now() + 10_000
    while (this.acknowledged.length < wanted) {
      if (Date.now() > deadline)
        throw new Error(`no acknowledgement within 10 s ${this.refused.at(-1) ?? ''}`)
      await sleep(10)
    }
  }

  async stop(): Promise<void> {
    this.#isOn = false
    await this.#done
  }

  async #write(): Promise<void> {
    for (let turn = 0; this.#isOn; turn++) {
      const host = this.#hosts[turn % this.#hosts.length] ?? ''
      await this.#writeTo(host).catch(() => {})
      if (this.#isOn) await sleep(retryMs)
    }
  }

  /** Throws when the connection ends. */
  async #writeTo(host: string): Promise<void> {
    const socket = connect({ host, port: this.#port, noDelay: true })
    socket.on('error', () => {})
    socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error('no answer')))
    try {
      await once(socket, 'connect')
      while (this.#isOn) {
        const nonce = randomBytes(6).toString('hex')
        const answer = await asked(socket, nonce)
        if (/^\d+$/.test(answer)) this.acknowledged.push({ number: Number(answer), nonce })
        else this.refused.push(answer)
        await sleep(pauseMs)
      }
    } finally {
      socket.destroy()
    }
  }
}

/** Sends one line and gives the line that answers it. */
export async function asked(socket: Socket, line: string): Promise<string> {
  if (socket.destroyed) throw new Error('the connection has ended')
  socket.write(`${line}\n`)
  let answer = ''
  while (!answer.endsWith('\n')) {
    const closed = new AbortController()
    const ended = () => closed.abort()
    socket.once('close', ended)
    const [chunk] = await once(socket, 'data', { signal: closed.signal }).finally(() =>
      socket.off('close', ended),
    )
    answer += String(chunk)
  }
  return answer.trim()
}
