import { EngineUnreachableError, exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { EngineAddress } from './address.ts'

/** The engine answered a request with an error. `status` is the HTTP status; the message is the engine's own. */
export class EngineRequestError extends WherryError {
  readonly status: number
  readonly #parts: { engine: string; what: string; said: string }

  constructor(engine: string, what: string, status: number, said: string, cause: unknown) {
    super('engine-error', exitCodes.unexpected, `${engine}: ${what}: ${said}`, {
      cause,
      data: { engine, status, said },
    })
    this.status = status
    this.#parts = { engine, what, said }
  }

  /** The same with a sentence that explains it. */
  explained(sentence: (engine: string) => string): EngineRequestError {
    const { engine, said, what } = this.#parts
    return new EngineRequestError(engine, what, this.status, `${said}. ${sentence(engine)}`, this)
  }
}

/** Whether the engine answered with this HTTP status. */
export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof EngineRequestError && error.status === status
}

/** Whether runc lost the process that it prepares a container with, which it does now and then on a busy machine. */
export function isRuntimeBreakOff(error: unknown): boolean {
  return error instanceof EngineRequestError && error.message.includes('waiting for init preliminary setup')
}

interface DockerodeError {
  statusCode?: number
  json?: { message?: string } | null
  reason?: string
  message?: string
  code?: string
}

/** Turns what dockerode throws into one of ours: an engine's answer by its status, anything else into "unreachable". */
export function engineFailure(address: EngineAddress, what: string, error: unknown): WherryError {
  if (error instanceof WherryError) return error
  if (error instanceof Error && error.name === 'AbortError') {
    return new WherryError('interrupted', exitCodes.interrupted, `${address.name}: ${what}: interrupted`, {
      cause: error,
    })
  }
  const { statusCode, json, reason, message } = error as DockerodeError
  if (statusCode) {
    const said = json?.message ?? message ?? reason ?? 'no reason given'
    return new EngineRequestError(address.name, what, statusCode, said.trim(), error)
  }
  return unreachable(address, error)
}

/** One line why an engine cannot be used, one line what to do: by the system's error code. */
export function unreachable(address: EngineAddress, error: unknown): EngineUnreachableError {
  const code = (error as DockerodeError).code ?? ''
  const where = `${address.name}${address.name.includes('://') ? '' : ` (${address.url.href})`}`
  const [errorCode, why, what] = explain(code, messageOf(error), address)
  return new EngineUnreachableError(errorCode, `Engine ${where}: ${why}.`, {
    suggestions: [what],
    cause: error,
    data: { engine: address.name, url: address.url.href, systemCode: code },
  })
}

function explain(code: string, message: string, { url, name }: EngineAddress): [string, string, string] {
  const path = url.pathname
  const tlsHint = `Check ca.pem, cert.pem and key.pem of the context: docker --context ${name} version`
  switch (code) {
    case 'ENOENT':
      return [
        'engine-not-running',
        `there is no socket at ${path}`,
        'Start Docker there, or name another engine.',
      ]
    case 'EACCES':
    case 'EPERM':
      return [
        'engine-not-allowed',
        `no permission on the socket ${path}`,
        'Add yourself to the group that owns the socket (usually docker), or run as a user who may use it.',
      ]
    case 'ECONNREFUSED':
      return ['engine-refused', 'connection refused', 'Check that dockerd runs and listens at this address.']
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return [
        'engine-unknown-host',
        `the host name ${url.hostname} is not known`,
        'Check the name and your DNS.',
      ]
    case 'ECONNRESET':
    case 'EPIPE':
      return [
        'engine-gone',
        'the connection broke off',
        `Check that dockerd still runs, and whether it wants TLS: docker --context ${name} version`,
      ]
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return [
        'engine-no-route',
        `no answer from ${url.host || path}`,
        'Check the address, the network and the firewall.',
      ]
  }
  if (/cert|CERT|TLS|SSL|ALTNAME|UNABLE_TO_VERIFY/.test(code)) {
    return ['engine-certificate', `the TLS certificates do not fit (${code}: ${message})`, tlsHint]
  }
  if (/Client sent an HTTP request to an HTTPS server/.test(message)) {
    return [
      'engine-certificate',
      'it wants TLS',
      'Use a Docker context with certificates, or set DOCKER_CERT_PATH.',
    ]
  }
  return [
    'engine-unreachable',
    message || 'it cannot be reached',
    'Check the address, and that dockerd runs there.',
  ]
}
