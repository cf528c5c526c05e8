import { setTimeout as delay } from 'node:timers/promises'
import { addressOf, isLoopback } from '../reference.ts'
import { type Answer, exchange, type Question, type Span } from './exchange.ts'
import {
  type Access,
  interrupted,
  isPassing,
  type Place,
  reasonIn,
  refusedBy,
  speaksNoTls,
  unreachable,
} from './failures.ts'
import { Logins } from './tokens.ts'
import { Connections } from './trust.ts'

const silenceMs = 120_000
/** A registry may compare a large blob with its digest before it says that it has it. */
const longSilenceMs = 15 * 60_000
const maxRedirects = 5
const maxDocumentBytes = 16 << 20
/** So often a request is made; between them at first half a second, then twice as long each time. */
const attempts = 6
const firstPauseMs = 500
const longestPauseMs = 60_000

export interface ClientOptions {
  /** Speak HTTP without TLS. */
  plainHttp?: boolean
  signal?: AbortSignal
}

export interface RegistryRequest {
  method: Question['method']
  /** Below `/v2/NAME/`, or an address that the registry gave. */
  to: string | URL
  access: Access
  headers?: Record<string, string>
  body?: Buffer
  span?: Span
  maxBytes?: number
  /** Answers that the caller knows what to do with; any other is an error. */
  expected: readonly number[]
  /** Whether it may be made again after a failure; a piece of an upload may not. True unless told. */
  isRepeatable?: boolean
  takesLong?: boolean
}

/** Speaks with one repository of a registry by the OCI distribution-spec 1.1: logs in, follows, and has patience. */
export class RegistryClient {
  readonly place: Place
  readonly #options: ClientOptions
  readonly #connections = new Connections()
  readonly #logins: Logins
  #base: URL
  #hasAnswered = false

  constructor(place: Place, options: ClientOptions = {}) {
    this.place = place
    this.#options = options
    const scheme = options.plainHttp ? 'http' : 'https'
    this.#base = new URL(`${scheme}://${addressOf(place.host)}/v2/${place.name}/`)
    this.#logins = new Logins(place, this.#connections, options.signal)
  }

  /** Makes a request until there is an answer that counts. @throws WherryError (exit 7) when the registry gives none. */
  async request(request: RegistryRequest): Promise<Answer> {
    const { access, expected, isRepeatable = true } = request
    for (let attempt = 1; ; attempt++) {
      const isLast = !isRepeatable || attempt >= attempts
      try {
        const answer = await this.#loggedIn(request)
        if (expected.includes(answer.status)) return answer
        const { status, headers, body } = answer
        if (isLast || !(status === 429 || (status >= 500 && status !== 501))) {
          throw refusedBy(this.place, access, status, reasonIn(body), await this.#logins.hasLogin())
        }
        await this.pause(attempt, headers['retry-after'])
      } catch (error) {
        if (this.#options.signal?.aborted) throw interrupted()
        if (isLast || !isPassing(error, this.#hasAnswered)) throw unreachable(this.place, error)
        await this.pause(attempt)
      }
    }
  }

  /** Waits before another attempt: longer each time, or as long as the registry says, at most a minute. @throws WherryError `interrupted`. */
  async pause(attempt: number, retryAfter?: string): Promise<void> {
    const { signal } = this.#options
    const asked = Number(retryAfter) * 1000 || Date.parse(retryAfter ?? '') - Date.now() || 0
    const own = firstPauseMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2)
    const ms = Math.min(longestPauseMs, Math.max(asked, own))
    await delay(ms, undefined, signal ? { signal } : {}).catch(() => {
      throw interrupted()
    })
  }

  /** The address that a `Location` means. */
  resolve(location: string | undefined): URL {
    const url = URL.parse(location ?? '', this.#base.href)
    // A registry behind something that speaks TLS for it may not know.
    if (url?.host === this.#base.host) url.protocol = this.#base.protocol
    if (url && (url.protocol === 'https:' || this.#isPlain)) return url
    throw unreachable(this.place, new Error('it names no address, or one without TLS, to go on at'))
  }

  get #isPlain(): boolean {
    return this.#base.protocol === 'http:'
  }

  async #loggedIn(request: RegistryRequest): Promise<Answer> {
    const answer = await this.#following(request)
    if (answer.status !== 401) return answer
    const header = answer.headers['www-authenticate']
    if (!(await this.#logins.answer(request.access, header, this.#isPlain))) return answer
    return this.#following(request)
  }

  /** A blob may be elsewhere ("Pulling blobs"): whoever has it is not told our login. */
  async #following(request: RegistryRequest): Promise<Answer> {
    let url = typeof request.to === 'string' ? await this.#address(request.to) : request.to
    for (let redirects = 0; ; redirects++) {
      const answer = await exchange(this.#connections, this.#question(request, url))
      this.#hasAnswered = true
      const isElsewhere = [301, 302, 303, 307, 308].includes(answer.status)
      if (!isElsewhere || !['GET', 'HEAD'].includes(request.method) || redirects >= maxRedirects)
        return answer
      url = this.resolve(URL.parse(answer.headers.location ?? '', url.href)?.href)
    }
  }

  #question(request: RegistryRequest, url: URL): Question {
    const { access, body, headers, isRepeatable = true, maxBytes = maxDocumentBytes } = request
    const { method, span, takesLong } = request
    const login = url.host === this.#base.host ? this.#logins.headerFor(access) : undefined
    const range = span ? `bytes=${span.offset}-${span.offset + span.length - 1}` : undefined
    return {
      method,
      url,
      headers: {
        'user-agent': 'wherry',
        ...headers,
        ...(range ? { range } : {}),
        ...(login ? { authorization: login } : {}),
      },
      ...(body ? { body } : {}),
      ...(span ? { span } : {}),
      silenceMs: takesLong ? longSilenceMs : silenceMs,
      maxBytes,
      // Whoever stops in the middle of a piece may have to send all of the blob again: some registries forget it then.
      signal: isRepeatable ? this.#options.signal : undefined,
    }
  }

  /** On this machine a registry may speak plain HTTP, as Docker has it: that is seen at the first request. */
  async #address(path: string): Promise<URL> {
    if (!this.#hasAnswered && !this.#isPlain && isLoopback(this.place.host)) {
      const url = new URL('/v2/', this.#base)
      const question = this.#question({ method: 'GET', to: url, access: 'pull', expected: [] }, url)
      await exchange(this.#connections, question).catch((error) => {
        if (speaksNoTls(error)) this.#base = new URL(this.#base.href.replace(/^https/, 'http'))
      })
    }
    return new URL(path, this.#base)
  }
}
