import type { Readable } from 'node:stream'
import { EngineUnreachableError, exitCodes, WherryError } from '../model/errors.ts'
import type { EngineAddress } from './address.ts'

/** How long to wait for an engine, in milliseconds. */
export interface Patience {
  /** After so much silence it is asked whether it is still there. */
  silenceMs: number
  /** It has so long to answer that. */
  pingMs: number
  /** An engine that is there and does not answer a request for so long never will. */
  requestMs: number
}

export const defaultPatience: Patience = { silenceMs: 20_000, pingMs: 20_000, requestMs: 600_000 }

/**
 * Bounds all waiting for one engine. A request may rightly take minutes, so silence alone proves nothing: the engine is
 * then asked for a sign of life over another connection, and given up when none comes.
 */
export class Watch {
  readonly #address: EngineAddress
  readonly #ping: () => Promise<unknown>
  readonly #patience: Patience

  constructor(address: EngineAddress, ping: () => Promise<unknown>, patience: Patience) {
    this.#address = address
    this.#ping = ping
    this.#patience = patience
  }

  /** Waits for an answer. `extraMs` is what this request may rightly take beyond the usual. */
  async answer<T>(what: string, answer: Promise<T>, extraMs: number): Promise<T> {
    const { silenceMs, requestMs } = this.#patience
    const deadline = performance.now() + requestMs + extraMs
    for (;;) {
      const outcome = await within(
        answer.then((value) => ({ value })),
        silenceMs,
      )
      if (outcome) return outcome.value
      if (performance.now() > deadline) throw this.#stuck(what, requestMs + extraMs)
      await this.#signOfLife(what)
    }
  }

  /** Destroys a stream, with an error that says why, when the engine at its other end is no longer there. */
  stream<S extends Readable>(what: string, stream: S): S {
    let before = -1
    let isAsking = false
    const look = async () => {
      const now = bytesOf(stream)
      const isSilent = now === undefined || now === before
      before = now ?? -1
      if (!isSilent || isAsking) return
      isAsking = true
      await this.#signOfLife(what).catch((error) => stream.destroy(error))
      isAsking = false
    }
    const timer = setInterval(look, this.#patience.silenceMs)
    timer.unref()
    stream.once('close', () => clearInterval(timer))
    return stream
  }

  async #signOfLife(what: string): Promise<void> {
    const { silenceMs, pingMs } = this.#patience
    // Any answer is one, an error too; what is wrong then shows in the request itself.
    const answered = await within(
      this.#ping().then(
        () => true,
        () => true,
      ),
      pingMs,
    )
    if (answered) return
    const seconds = Math.round((silenceMs + pingMs) / 1000)
    throw new EngineUnreachableError(
      'engine-silent',
      `Engine ${this.#address.name}: no sign of life for ${seconds} s while ${what}.`,
      {
        suggestions: [
          'Check the network between this machine and the engine, and that dockerd is not stuck.',
        ],
        data: { engine: this.#address.name, doing: what, seconds },
      },
    )
  }

  #stuck(what: string, ms: number): WherryError {
    const seconds = Math.round(ms / 1000)
    return new WherryError(
      'engine-stuck',
      exitCodes.unexpected,
      `Engine ${this.#address.name} is there, but ${what} has not ended within ${seconds} s.`,
      {
        suggestions: ["Look at dockerd's log on that engine."],
        data: { engine: this.#address.name, doing: what, seconds },
      },
    )
  }
}

/** The promise's value, or undefined when it takes too long. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([promise, tooLong])
  } finally {
    clearTimeout(timer)
  }
}

/** What has come through a stream's connection; undefined where that is not counted. */
function bytesOf(
  stream: Readable & { socket?: { bytesRead?: number }; bytesRead?: number },
): number | undefined {
  return stream.socket?.bytesRead ?? stream.bytesRead
}
