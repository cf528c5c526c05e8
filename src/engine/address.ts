import { join } from 'node:path'
import { EngineUnreachableError, exitCodes, WherryError } from '../model/errors.ts'
import { dockerConfigDirectory } from '../platform/directories.ts'
import {
  currentContextName,
  listContextNames,
  readContext,
  readTlsDirectory,
  type TlsMaterial,
} from './contexts.ts'

/** Where an engine is and what it takes to get in. */
export interface EngineAddress {
  /** What the user called it: a context's name or a URL. */
  name: string
  url: URL
  tls?: TlsMaterial
}

const defaultHost =
  process.platform === 'win32' ? 'npipe:////./pipe/docker_engine' : 'unix:///var/run/docker.sock'
const schemes = ['unix:', 'npipe:', 'tcp:', 'http:', 'https:', 'ssh:']

/**
 * Finds an engine by what the user typed: a Docker context's name or a host URL. Undefined means the engine that the
 * Docker CLI would use: DOCKER_HOST, else DOCKER_CONTEXT, else the current context.
 * @throws EngineUnreachableError for a context that is not there; a usage error for a URL that is none.
 */
export async function resolveEngine(name?: string): Promise<EngineAddress> {
  if (name?.includes('://')) return { name, url: parseHost(name), ...(await environmentTls(name)) }
  if (name === undefined && process.env.DOCKER_HOST) {
    const host = process.env.DOCKER_HOST
    return { name: host, url: parseHost(host), ...(await environmentTls(host)) }
  }
  const contextName = name ?? (await currentContextName())
  if (contextName === 'default') {
    const host = process.env.DOCKER_HOST || defaultHost
    return { name: 'default', url: parseHost(host), ...(await environmentTls(host)) }
  }
  const context = await readContext(contextName)
  if (!context) throw await unknownContext(contextName)
  return { name: contextName, url: parseHost(context.host), ...(context.tls ? { tls: context.tls } : {}) }
}

function parseHost(host: string): URL {
  const url = URL.canParse(host) ? new URL(host) : undefined
  if (url && schemes.includes(url.protocol)) return url
  throw new WherryError('bad-engine-url', exitCodes.usage, `"${host}" is not an engine's address.`, {
    suggestions: ['Give a Docker context, or a URL that begins with unix://, tcp:// or ssh://.'],
  })
}

/** For tcp:// the Docker CLI takes TLS from DOCKER_TLS_VERIFY and DOCKER_CERT_PATH; so do we. */
async function environmentTls(host: string): Promise<{ tls?: TlsMaterial }> {
  const { DOCKER_TLS_VERIFY, DOCKER_TLS, DOCKER_CERT_PATH } = process.env
  if (!host.startsWith('tcp:') || !(DOCKER_TLS_VERIFY || DOCKER_TLS || DOCKER_CERT_PATH)) return {}
  const tls = (await readTlsDirectory(DOCKER_CERT_PATH || join(dockerConfigDirectory()))) ?? {}
  return { tls: DOCKER_TLS_VERIFY || !DOCKER_TLS ? tls : { ...tls, skipVerify: true } }
}

async function unknownContext(name: string): Promise<EngineUnreachableError> {
  const known = await listContextNames()
  return new EngineUnreachableError('unknown-context', `There is no Docker context named "${name}".`, {
    suggestions: [
      `Use one of: ${known.join(', ')}.`,
      `Or make it: docker context create ${name} --docker host=ssh://USER@HOST`,
    ],
    data: { context: name, known },
  })
}
