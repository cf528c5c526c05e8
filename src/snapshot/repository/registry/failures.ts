import { exitCodes, messageOf, WherryError } from '../../../model/errors.ts'

/** What somebody may do in a repository of a registry. */
export type Access = 'pull' | 'push' | 'delete'

/** The repository that a failure is about. */
export interface Place {
  host: string
  name: string
}

/** Failures of one connection: another may do better. */
const ofOneConnection = new Set(['ECONNRESET', 'EPIPE', 'ERR_SOCKET_CLOSED', 'HPE_INVALID_EOF_STATE'])
/** Failures that may be over a moment later, where a registry was there a moment ago. */
const ofAWhile = new Set(['ECONNREFUSED', 'ETIMEDOUT', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? '')
}

/** Whether another attempt may do better. */
export function isPassing(error: unknown, hasAnswered: boolean): boolean {
  const code = codeOf(error)
  return (
    ofOneConnection.has(code) || messageOf(error) === 'socket hang up' || (hasAnswered && ofAWhile.has(code))
  )
}

/** Whether whoever listens there speaks no TLS. */
export function speaksNoTls(error: unknown): boolean {
  const reason = messageOf(error)
  return codeOf(error) !== '' && /wrong version number|packet length too long|EPROTO/i.test(reason)
}

/** The error for a registry that cannot be talked to (exit 7). */
export function unreachable({ host, name }: Place, error: unknown): WherryError {
  if (error instanceof WherryError) return error
  const [code, why, what] = explain(error, host)
  return new WherryError(code, exitCodes.engineUnreachable, `Registry ${host}: ${why}.`, {
    suggestions: [what],
    cause: error,
    data: { registry: host, repository: name, systemCode: codeOf(error) },
  })
}

function explain(error: unknown, host: string): [string, string, string] {
  const code = codeOf(error)
  const checkAddress = 'Check the address, the network and the firewall.'
  if (speaksNoTls(error)) {
    return [
      'registry-no-tls',
      'it speaks no TLS',
      'Where everybody on the way may be trusted, plain HTTP is spoken with --plain-http.',
    ]
  }
  if (/CERT|TLS|SSL|ALTNAME|UNABLE_TO|SELF_SIGNED/.test(code)) {
    return [
      'registry-certificate',
      `its certificate is not trusted (${messageOf(error)})`,
      `Put the certificate of its authority into /etc/docker/certs.d/${host}/ca.crt, as for Docker, or name it in SSL_CERT_FILE.`,
    ]
  }
  switch (code) {
    case 'ECONNREFUSED':
      return ['registry-refused', 'connection refused', 'Check that it runs and listens at this address.']
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ['registry-unknown-host', 'the host name is not known', 'Check the name and your DNS.']
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return ['registry-no-route', 'no answer', checkAddress]
  }
  return ['registry-unreachable', messageOf(error) || 'it cannot be reached', checkAddress]
}

const verbs: Record<Access, string> = { pull: 'read from', push: 'write to', delete: 'delete from' }

/** The error for an answer that nobody asked for. `said` is what the registry gave as its reason. */
export function refusedBy(
  { host, name }: Place,
  access: Access,
  status: number,
  said: { code: string; message: string },
  hasLogin: boolean,
): WherryError {
  const fail = (code: string, exit: 1 | 7, why: string, suggestions: string[]) =>
    new WherryError(code, exit, `Registry ${host}: ${why}.`, {
      suggestions,
      data: { registry: host, repository: name, status, said: said.message || said.code },
    })
  const login = `docker login ${host}`
  if (status === 401 && !hasLogin) {
    return fail('registry-login', exitCodes.engineUnreachable, `it wants a login for ${name}`, [
      `Log in: ${login}`,
    ])
  }
  if (status === 401 || status === 403) {
    return fail('registry-denied', exitCodes.engineUnreachable, `you may not ${verbs[access]} ${name}`, [
      `Check the name, and log in as somebody who may: ${login}`,
    ])
  }
  if (status === 429) {
    return fail('registry-busy', exitCodes.engineUnreachable, 'it has had too many requests', [
      'Wait and run it again: it goes on where it was.',
    ])
  }
  const reason = said.message || said.code ? ` (${said.message || said.code})` : ''
  if (status >= 500) {
    return fail('registry-failed', exitCodes.engineUnreachable, `it answers with ${status}${reason}`, [
      'Look at its log, and run it again: it goes on where it was.',
    ])
  }
  return fail('registry-error', exitCodes.unexpected, `it answers with ${status}${reason}`, [])
}

/** The reason in an answer's body (OCI distribution-spec 1.1, "Error codes"), one line of it. */
export function reasonIn(body: Buffer): { code: string; message: string } {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: { code?: unknown; message?: unknown }[] }
    const line = (text: unknown) =>
      typeof text === 'string'
        ? text
            .replace(/[\s\p{Cc}]+/gu, ' ')
            .trim()
            .slice(0, 200)
        : ''
    return { code: line(errors?.[0]?.code), message: line(errors?.[0]?.message) }
  } catch {
    return { code: '', message: '' }
  }
}

/** The error for a run that the user ended. */
export function interrupted(): WherryError {
  return new WherryError('interrupted', exitCodes.interrupted, 'Interrupted; run it again to go on.')
}

const goesOn = new Set([
  'registry-unreachable',
  'registry-refused',
  'registry-no-route',
  'registry-failed',
  'registry-busy',
])

/** Whether an upload that failed may go on: a connection that broke, a registry that had a bad moment, or one that has lost count. */
export function mayGoOn(error: unknown): boolean {
  if (!(error instanceof WherryError)) return false
  return goesOn.has(error.code) || [400, 404, 416].includes(statusOf(error))
}

/** The status of an answer that nobody asked for; 0 for any other failure. */
export function statusOf(error: unknown): number {
  return error instanceof WherryError && error.code === 'registry-error' ? Number(error.data.status) : 0
}
