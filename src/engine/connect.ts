import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import Docker from 'dockerode'
import { messageOf } from '../model/errors.ts'
import { type EngineAddress, resolveEngine } from './address.ts'
import { Engine, type EngineInfo } from './engine.ts'
import { unreachable } from './failures.ts'
import { defaultPatience, type Patience, Watch } from './patience.ts'

/**
 * The newest API version that wherry speaks. Not 1.52: from there on inspecting no longer tells a MAC address that the
 * user set from one that the engine generated.
 */
const newestApi = '1.51'

const firstAnswerSeconds = 15
/** An engine with many containers counts them first. */
const infoSeconds = 60

/**
 * Reaches an engine and finds out which API version to speak with it. Undefined means the one that the Docker CLI would use.
 * Close the engine when done.
 * @throws EngineUnreachableError (exit 7) with the reason and what to do.
 */
export async function connectEngine(name?: string, patience: Patience = defaultPatience): Promise<Engine> {
  const address = await resolveEngine(name)
  const { options, close } = await transportFor(address)
  try {
    const version = await firstAnswer(address, inTime(new Docker(options).version(), firstAnswerSeconds))
    const apiVersion = olderVersion(version.ApiVersion, newestApi)
    const docker = new Docker({ ...options, version: `v${apiVersion}` } as Docker.DockerOptions)
    const info = await inTime(docker.info(), infoSeconds)
    const pinger = new Docker({ ...options, ...freshConnections(options) })
    const watch = new Watch(address, () => pinger.ping(), patience)
    return new Engine(docker, { address, version: version.Version, apiVersion, info, close, watch })
  } catch (error) {
    await close()
    throw unreachable(address, error)
  }
}

/**
 * Stands in for an engine that cannot be reached, where work goes on without it: every request throws `absence`.
 * `id` is the engine's own id, as it was known.
 */
export async function absentEngine(name: string, id: string, absence: Error): Promise<Engine> {
  const info = { ID: id, Driver: '', Architecture: '', DockerRootDir: '' } as EngineInfo
  const address = await resolveEngine(name).catch(() => ({ name, url: new URL('unix:///') }))
  const watch = new Watch(address, () => Promise.reject(absence), defaultPatience)
  const facts = { address, version: '', apiVersion: '', info, close: async () => {}, watch, absence }
  return new Engine(new Docker({ socketPath: '/' }), facts)
}

async function transportFor(
  address: EngineAddress,
): Promise<{ options: Docker.DockerOptions; close(): Promise<void> }> {
  const { url, tls } = address
  const close = async () => {}
  switch (url.protocol) {
    case 'unix:':
    case 'npipe:':
      return { options: { socketPath: decodeURIComponent(url.pathname) }, close }
    case 'ssh:': {
      const { openSshTunnel } = await import('./ssh.ts')
      const tunnel = await openSshTunnel(url)
      // The host is only what the Host header says: the tunnel's far end is the engine.
      return {
        options: { protocol: 'http', host: 'docker', port: 80, agent: tunnel.agent } as Docker.DockerOptions,
        close: tunnel.close,
      }
    }
    default: {
      const secure = url.protocol === 'https:' || tls !== undefined
      const options = {
        protocol: secure ? 'https' : 'http',
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: Number(url.port || (secure ? 2376 : 2375)),
        ...(tls ? { ca: tls.ca, cert: tls.cert, key: tls.key, rejectUnauthorized: !tls.skipVerify } : {}),
      }
      return { options: options as unknown as Docker.DockerOptions, close }
    }
  }
}

/** A sign of life has to come over a connection that cannot have died unnoticed. An ssh login looks after itself. */
function freshConnections({ protocol, ...options }: Docker.DockerOptions): object {
  if ('agent' in options) return {}
  return { agent: protocol === 'https' ? new HttpsAgent() : new HttpAgent() }
}

async function firstAnswer(
  address: EngineAddress,
  answer: Promise<Docker.DockerVersion>,
): Promise<Docker.DockerVersion> {
  try {
    const version = await answer
    if (!version.ApiVersion) throw new Error(`what answers at ${address.url.href} is not a Docker engine`)
    return version
  } catch (error) {
    if (/^\(HTTP code/.test(messageOf(error))) {
      throw new Error(`it answered, but not like a Docker engine: ${messageOf(error)}`, { cause: error })
    }
    throw error
  }
}

async function inTime<T>(answer: Promise<T>, seconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error(`no answer within ${seconds} s`), { code: 'ETIMEDOUT' })
    timer = setTimeout(() => reject(error), seconds * 1000)
  })
  try {
    return await Promise.race([answer, tooLate])
  } finally {
    clearTimeout(timer)
  }
}

/** The lower of two dotted version numbers. */
export function olderVersion(a: string, b: string): string {
  return a.localeCompare(b, 'en', { numeric: true }) <= 0 ? a : b
}
