import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Certificates, login } from './registry.ts'

/** A token service (Docker Registry v2 authentication) that gives everybody who logs in what is asked for. */
export class TokenServer {
  /** The scopes that were asked for. */
  readonly asked: string[] = []
  readonly service = 'test registry'
  readonly issuer = 'test tokens'
  readonly #server: Server
  readonly #certificates: Certificates

  private constructor(server: Server, certificates: Certificates) {
    this.#server = server
    this.#certificates = certificates
  }

  static async start(certificates: Certificates): Promise<TokenServer> {
    const [cert, key] = await Promise.all([
      readFile(certificates.certificate),
      readFile(certificates.key, 'utf8'),
    ])
    const server = createServer({ cert, key })
    const tokens = new TokenServer(server, certificates)
    server.on('request', async (request, response) => {
      const scopes = await tokens.#scopes(request)
      response.statusCode = scopes ? 200 : 401
      const token = scopes && tokens.#token(scopes, new X509Certificate(cert), key)
      response.end(JSON.stringify(token ? { token, access_token: token, expires_in: 60 } : {}))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return tokens
  }

  get auth() {
    const { issuer, service } = this
    const realm = `https://localhost:${(this.#server.address() as AddressInfo).port}/token`
    return { realm, service, issuer, rootcertbundle: this.#certificates.ca }
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** The scopes that whoever asks gets; undefined for somebody else than the keeper. */
  async #scopes(request: IncomingMessage): Promise<string[] | undefined> {
    let body = ''
    for await (const piece of request) body += piece
    const form = new URLSearchParams(request.method === 'POST' ? body : request.url?.split('?')[1])
    const basic = Buffer.from(`${login.username}:${login.password}`).toString('base64')
    const isKeeper =
      request.headers.authorization === `Basic ${basic}` || form.get('refresh_token') === 'kept for long'
    const scopes = form.getAll('scope').flatMap((scope) => scope.split(' '))
    this.asked.push(...scopes)
    return isKeeper ? scopes : undefined
  }

  #token(scopes: string[], certificate: X509Certificate, key: string): string {
    const seconds = Math.floor(Date.now() / 1000)
    const header = { typ: 'JWT', alg: 'ES256', x5c: [certificate.raw.toString('base64')] }
    const claims = {
      iss: this.issuer,
      sub: login.username,
      aud: this.service,
      iat: seconds,
      nbf: seconds - 60,
      exp: seconds + 60,
      jti: randomUUID(),
      access: scopes.map((scope) => {
        const [type, name, actions] = scope.split(':')
        return { type, name, actions: actions?.split(',') }
      }),
    }
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${part(header)}.${part(claims)}`
    const privateKey = createPrivateKey(key)
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${signed}.${signature.toString('base64url')}`
  }
}
