import { exitCodes, WherryError } from '../../../model/errors.ts'
import { isLoopback } from '../reference.ts'
import { type Credentials, credentialsFor } from './credentials.ts'
import { type Answer, exchange } from './exchange.ts'
import { type Access, isPassing, type Place, refusedBy, unreachable } from './failures.ts'
import type { Connections } from './trust.ts'

/** A way to log in that a registry names in `WWW-Authenticate` (RFC 9110, 11.6.1). */
export interface Challenge {
  scheme: 'basic' | 'bearer'
  parameters: Record<string, string>
}

const maxTokenBytes = 1 << 20
const silenceMs = 30_000

/** Reads `WWW-Authenticate`; undefined where it names no way that we know. A header may hold several, and commas in quotes. */
export function parseChallenge(header: string): Challenge | undefined {
  const found: Challenge[] = []
  for (const [, scheme = '', rest = ''] of header.matchAll(
    /(?<![\w="-])(basic|bearer)\s+((?:[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,"]+)\s*,?\s*)*)/gi,
  )) {
    const parameters: Record<string, string> = {}
    for (const [, name = '', quoted, plain] of rest.matchAll(
      /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g,
    )) {
      parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain ?? ''
    }
    found.push({ scheme: scheme.toLowerCase() as Challenge['scheme'], parameters })
  }
  return found.find(({ scheme }) => scheme === 'bearer') ?? found[0]
}

/** Logs in to one repository of a registry, as the registry asks for it, with what `docker login` keeps. */
export class Logins {
  readonly #place: Place
  readonly #connections: Connections
  readonly #signal: AbortSignal | undefined
  readonly #headers = new Map<Access, string>()
  #credentials: Promise<Credentials | undefined> | undefined

  constructor(place: Place, connections: Connections, signal: AbortSignal | undefined) {
    this.#place = place
    this.#connections = connections
    this.#signal = signal
  }

  /** What to send along now; undefined before anybody asked for it. */
  headerFor(access: Access): string | undefined {
    return this.#headers.get(access)
  }

  /** Whether there is a login to use. */
  async hasLogin(): Promise<boolean> {
    return (await this.#known()) !== undefined
  }

  /**
   * Does what a registry asked for in its answer 401. @returns false where that cannot help.
   * @throws WherryError `registry-denied`, or `registry-not-safe` for a password that would be sent in the clear (exit 7).
   */
  async answer(access: Access, header: string | undefined, isPlain: boolean): Promise<boolean> {
    const challenge = parseChallenge(header ?? '')
    if (challenge?.scheme === 'bearer') {
      this.#headers.set(access, `Bearer ${await this.#token(access, challenge, isPlain)}`)
      return true
    }
    const credentials = await this.#known()
    if (challenge?.scheme !== 'basic' || !credentials || !('username' in credentials)) return false
    this.#headers.set(access, basic(credentials))
    return true
  }

  #known(): Promise<Credentials | undefined> {
    this.#credentials ??= credentialsFor(this.#place.host)
    return this.#credentials
  }

  /** Docker Registry v2 authentication, "Token authentication" and "OAuth2 token authentication". */
  async #token(access: Access, { parameters }: Challenge, isPlain: boolean): Promise<string> {
    const credentials = await this.#known()
    const realm = this.#realm(parameters.realm ?? '', isPlain)
    const actions = { pull: 'pull', push: 'pull,push', delete: 'pull,push,delete' }[access]
    const scope = parameters.scope || `repository:${this.#place.name}:${actions}`
    const asked = { scope, ...(parameters.service ? { service: parameters.service } : {}) }
    const answer = await this.#ask(realm, asked, credentials)
    if (answer.status !== 200) {
      const said = { code: '', message: '' }
      throw refusedBy(this.#place, access, answer.status, said, credentials !== undefined)
    }
    try {
      const { token, access_token } = JSON.parse(answer.body.toString()) as Record<string, unknown>
      const given = token || access_token
      if (typeof given === 'string' && /^[\x21-\x7e]+$/.test(given)) return given
    } catch {
      // Said below; the text may hold a token.
    }
    throw unreachable(this.#place, new Error(`${realm.host}, which it sends logins to, gave no token`))
  }

  async #ask(
    realm: URL,
    asked: Record<string, string>,
    credentials: Credentials | undefined,
  ): Promise<Answer> {
    const common = { silenceMs, maxBytes: maxTokenBytes, signal: this.#signal }
    try {
      if (credentials && 'identityToken' in credentials) {
        const form = { ...asked, grant_type: 'refresh_token', client_id: 'wherry' }
        const body = new URLSearchParams({ ...form, refresh_token: credentials.identityToken }).toString()
        const headers = { 'content-type': 'application/x-www-form-urlencoded' }
        const question = { ...common, method: 'POST', url: realm, headers, body: Buffer.from(body) } as const
        return await exchange(this.#connections, question)
      }
      const url = new URL(realm)
      for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
      const headers: Record<string, string> = credentials ? { authorization: basic(credentials) } : {}
      return await exchange(this.#connections, { ...common, method: 'GET', url, headers })
    } catch (error) {
      // Whoever asked tries again then.
      if (isPassing(error, true)) throw error
      throw unreachable({ ...this.#place, host: realm.host }, error)
    }
  }

  #realm(text: string, isPlain: boolean): URL {
    const realm = URL.parse(text)
    if (realm?.protocol === 'https:') return realm
    if (realm?.protocol === 'http:' && (isPlain || isLoopback(realm.host))) return realm
    const { host } = this.#place
    throw new WherryError(
      'registry-not-safe',
      exitCodes.engineUnreachable,
      `Registry ${host}: it wants the login sent without TLS${realm ? `, to ${realm.host}` : ''}.`,
      {
        suggestions: ['Ask whoever runs it; its token service needs https.'],
        data: { registry: host },
      },
    )
  }
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
