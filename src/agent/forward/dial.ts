import { connect, type OnReadOpts, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../model/errors.ts'
import { type Forward, place } from './settings.ts'

/** How long one attempt may take. */
const attemptMs = 5_000
/** A target that has not answered once may still be on its way: so long its clients are kept waiting. */
const holdMs = 30_000
const retryMs = 200

/** What every socket of a forwarder is made with. */
export const socketOptions = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
}

/**
 * Finds the way to one target. Until it was reached for the first time, connections are held and tried again, so that
 * clients need not notice when the target starts only now; from then on a refusal is passed on at once.
 */
export class Dialer {
  readonly #target: Forward['target']
  readonly #holdMs: number
  #reached = false

  constructor(target: Forward['target'], hold = holdMs) {
    this.#target = target
    this.#holdMs = hold
  }

  /** @throws Error with the reason for each address. */
  async dial(onread?: OnReadOpts): Promise<Socket> {
    const untilMs = performance.now() + this.#holdMs
    for (;;) {
      try {
        const socket = await this.#dialOnce(onread)
        this.#reached = true
        return socket
      } catch (error) {
        if (this.#reached || performance.now() >= untilMs) throw error
      }
      await sleep(retryMs)
    }
  }

  async #dialOnce(onread?: OnReadOpts): Promise<Socket> {
    const { hosts, port } = this.#target
    const reasons: string[] = []
    for (const host of hosts) {
      try {
        return await connectTo(host, port, onread)
      } catch (error) {
        reasons.push(`${place(host, port)}: ${messageOf(error)}`)
      }
    }
    throw new Error(reasons.join('; '))
  }
}

/** One connection to one address. @throws Error that says why not, after 5 s at the latest. */
export function connectTo(host: string, port: number, onread?: OnReadOpts): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...socketOptions, ...(onread ? { onread } : {}), host, port })
    const timer = setTimeout(
      () => socket.destroy(new Error(`no answer within ${attemptMs / 1000} s`)),
      attemptMs,
    )
    const fail = (error: Error) => {
      clearTimeout(timer)
      reject(error)
    }
    socket.once('error', fail)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      resolve(socket)
    })
  })
}
