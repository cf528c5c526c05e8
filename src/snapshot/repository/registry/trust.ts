import { readdir, readFile } from 'node:fs/promises'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates } from 'node:tls'
import { isLoopback } from '../reference.ts'

/** At most so many connections to one host at once. */
const maxSockets = 8

interface Trust {
  ca: string[]
  cert: string[]
  key: string[]
}

/** Connections, kept open between requests: each host with the certificates that are meant for it. */
export class Connections {
  readonly #agents = new Map<string, HttpAgent>()

  /** The agent for requests to a URL. */
  async agentFor(url: URL): Promise<HttpAgent> {
    const key = `${url.protocol}//${url.host}`
    let agent = this.#agents.get(key)
    if (!agent) {
      agent = await makeAgent(url)
      this.#agents.set(key, agent)
    }
    return agent
  }
}

async function makeAgent({ protocol, host }: URL): Promise<HttpAgent> {
  // A proxy is of no use on the way to this machine; Node 24 and newer know of proxies.
  const proxy = isLoopback(host) ? {} : { proxyEnv: process.env }
  const common = { keepAlive: true, maxSockets, ...proxy }
  if (protocol === 'http:') return new HttpAgent(common)
  const { ca, cert, key } = await trustFor(host)
  const client = cert.length > 0 && key.length > 0 ? { cert, key } : {}
  const all = [...getCACertificates('default'), ...getCACertificates('system'), ...ca]
  return new HttpsAgent({ ...common, ...client, ca: [...new Set(all)] })
}

/**
 * What Docker trusts a host with (dockerd, "Verify repository client with certificates"): `*.crt` are authorities, `*.cert`
 * with a `.key` of the same name say who we are. For all users, and for one who runs Docker without root.
 */
async function trustFor(host: string): Promise<Trust> {
  const config = process.env.XDG_CONFIG_HOME || join(homedir(), '.config')
  const trust: Trust = { ca: [], cert: [], key: [] }
  for (const base of ['/etc/docker/certs.d', join(config, 'docker', 'certs.d')]) {
    const directory = join(base, host)
    for (const file of await readdir(directory).catch(() => [])) {
      const read = (name: string) => readFile(join(directory, name), 'utf8')
      if (file.endsWith('.crt')) trust.ca.push(await read(file))
      if (!file.endsWith('.cert')) continue
      trust.cert.push(await read(file))
      trust.key.push(await read(file.replace(/\.cert$/, '.key')))
    }
  }
  return trust
}
