import type { Readable, Writable } from 'node:stream'
import { exitCodes, WherryError } from '../model/errors.ts'
import { giveBuffer } from './buffer-pool.ts'
import { Channel } from './channel.ts'
import { AgentError } from './errors.ts'
import { FrameStream } from './frames.ts'
import type { AgentEvent, ErrorMessage, Params, RequestName, Result } from './protocol.ts'

interface Pending {
  resolve: (result: never) => void
  reject: (error: Error) => void
}

const rememberedCharacters = 2000
const lastWordsMilliseconds = 100

/** The CLI's end of an agent, whatever carries the agent's stdin and stdout. */
export class AgentClient {
  readonly name: string
  readonly #stream: FrameStream
  readonly #pending = new Map<number, Pending>()
  readonly #listeners = new Set<(event: AgentEvent) => void>()
  #nextId = 1
  #lastHeard = ''
  #gone: AgentError | undefined
  #relayTo: AgentClient | undefined
  #own: Channel | undefined

  /** `name` is what errors call the agent, such as `the agent on hostA`. */
  constructor(stdin: Writable, stdout: Readable, name: string) {
    this.name = name
    this.#stream = new FrameStream(stdout, stdin, {
      control: (message) => this.#take(message),
      data: (payload) => void (this.#own ? this.#own.deliver(payload) : this.#relay(payload)),
      end: (error) => this.#end(error),
    })
  }

  /** Whether the agent has ended, so that every further request fails. */
  get isGone(): boolean {
    return this.#gone !== undefined
  }

  /**
   * Asks for something. Throws the agent's own error (an AgentError with its code), or `agent-gone` with what the agent
   * printed last when it ends before it answers.
   */
  request<N extends RequestName>(request: N, params: Params<N>): Promise<Result<N>> {
    if (this.#gone) return Promise.reject(this.#gone)
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#stream.control({ id, request, params })
    })
  }

  /** Calls `listener` with every event; the returned function ends that. */
  onEvent(listener: (event: AgentEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Takes note of what the agent printed on stderr, to be shown when it ends unexpectedly. */
  heard(text: string): void {
    this.#lastHeard = (this.#lastHeard + text).slice(-rememberedCharacters)
  }

  /** Passes this agent's data on to another's stdin, no faster than that takes it, and holds nothing. */
  relayTo(other: AgentClient | undefined): void {
    this.#relayTo = other
  }

  /** A channel between the agent and this process itself, over the agent's stdin and stdout. */
  ownChannel(): Channel {
    this.#own ??= new Channel(this.#stream, false)
    return this.#own
  }

  /** Ends the agent's stdin, which ends the agent. */
  close(): void {
    this.#end(undefined)
    this.#stream.destroy()
  }

  async #relay(payload: Buffer): Promise<void> {
    const other = this.#relayTo
    if (!other) return giveBuffer(payload)
    this.#stream.pause()
    try {
      await other.#stream.data(payload, () => giveBuffer(payload))
    } catch {
      // The other agent's own requests fail and say why.
    }
    this.#stream.resume()
  }

  #take(message: unknown): void {
    const { id, result, error, event } = message as {
      id?: number
      result?: never
      error?: ErrorMessage
      event?: string
    }
    if (event !== undefined) {
      for (const listener of this.#listeners) listener(message as AgentEvent)
      return
    }
    const pending = this.#pending.get(id ?? 0)
    if (!pending) return
    this.#pending.delete(id ?? 0)
    if (error) pending.reject(this.#rebuild(error))
    else pending.resolve(result as never)
  }

  #rebuild({ code, message, data = {}, suggestions = [] }: ErrorMessage): Error {
    return new WherryError(code, exitCodes.unexpected, message, {
      data: { ...data, agent: this.name },
      suggestions,
    })
  }

  #end(error: Error | undefined): void {
    if (this.#gone) return
    this.#gone = this.#goneError(error)
    this.#own?.fail(this.#gone)
    if (this.#pending.size === 0) return
    // What it printed last may still be on its way through another pipe.
    setTimeout(() => {
      this.#gone = this.#goneError(error)
      for (const pending of this.#pending.values()) pending.reject(this.#gone)
      this.#pending.clear()
    }, lastWordsMilliseconds)
  }

  #goneError(error: Error | undefined): AgentError {
    const why = this.#lastHeard.trim() || error?.message
    return new AgentError('agent-gone', `${this.name} has ended${why ? `: ${why}` : ''}`, {
      data: { agent: this.name },
      cause: error,
    })
  }
}
