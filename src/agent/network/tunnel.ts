import { randomInt } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { run, tryRun } from './commands.ts'
import { tunnelDeviceMtu, tunnelMtu, tunnelName } from './filter.ts'
import { hostMtu } from './host-mtu.ts'
import type { StretchSettings, TunnelSettings } from './settings.ts'

/** Also what is behind an address translator stays within reach, as wg(8) advises. */
const keepaliveSeconds = 25

/** What an interface shows of itself, of `ip -json address show`. */
interface AddressDocument {
  flags: string[]
  addr_info?: { local: string; prefixlen: number }[]
}

/** A stretched network whose link is encrypted. */
type Encrypted = StretchSettings & { tunnel: TunnelSettings }

/** Tunnels that this process has told their peers: what addresses they have outside may be news. */
const told = new Set<string>()

/**
 * Makes the host's end of the tunnel as it should be and leaves alone what is right: a WireGuard device with this network's
 * members as peers. `key` is its private key, base64. Gives what it had to change, for the log.
 * @throws Error with the failing program's own words.
 */
export async function ensureTunnel(settings: Encrypted, key: string): Promise<string[]> {
  const name = tunnelName(settings)
  const changes: string[] = []
  let { ok: isThere, output } = await tryRun('ip', ['-json', 'address', 'show', 'dev', name])
  if (!isThere) {
    await run('ip', ['link', 'add', 'dev', name, 'type', 'wireguard'])
    changes.push(`made ${name}`)
    output = '[]'
  }
  if (!told.has(name) || !(await knowsPeers(name, settings, key))) {
    await tellPeers(name, configuration(settings, key))
    told.add(name)
    changes.push(`told ${name} its peers`)
  }
  const [shown] = JSON.parse(output) as AddressDocument[]
  const addresses = (shown?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`)
  if (!shown?.flags.includes('UP') || !addresses.includes(`${settings.tunnel.address}/32`)) {
    await run('ip', ['address', 'replace', `${settings.tunnel.address}/32`, 'dev', name])
    await run('ip', ['link', 'set', 'dev', name, 'mtu', `${tunnelDeviceMtu(settings)}`, 'up'])
    changes.push(`set ${name} up`)
  }
  return [...changes, ...(await ensureRoutes(name, settings))]
}

/** Takes the host's end of a tunnel away; fine where it is gone already. @throws Error where it stays. */
export async function removeTunnel(settings: StretchSettings): Promise<void> {
  const name = tunnelName(settings)
  told.delete(name)
  const { errors } = await tryRun('ip', ['link', 'delete', 'dev', name])
  const { ok: isThere } = await tryRun('ip', ['link', 'show', 'dev', name])
  if (isThere) throw new Error(`${name} could not be removed: ${errors.trim()}`)
  for (const { tunnel } of settings.peers)
    if (tunnel) await tryRun('ip', ['route', 'delete', ...nowhere(tunnel.address)])
}

/** Why this host cannot encrypt what crosses, in its kernel's words; undefined where it can. Makes a device for the moment. */
export async function whyNoTunnel(): Promise<string | undefined> {
  // Below the numbers that networks have.
  const name = `wherryt${randomInt(1, 0x800000)}`
  const made = await tryRun('ip', ['link', 'add', 'dev', name, 'type', 'wireguard'])
  if (!made.ok) return made.errors.trim().replace(/^(Error|RTNETLINK answers): /, '')
  const shown = await tryRun('wg', ['show', name])
  await tryRun('ip', ['link', 'delete', 'dev', name])
  return shown.ok ? undefined : shown.errors.trim()
}

/** A way that leads nowhere, behind the one through the tunnel: without it packets would take the host's other ways when the tunnel is gone. */
const nowhere = (address: string) => ['blackhole', `${address}/32`, 'metric', '4000000000']

async function ensureRoutes(name: string, { peers, tunnel }: Encrypted): Promise<string[]> {
  const shown = await run('ip', ['-json', 'route', 'show', 'dev', name])
  const there = (JSON.parse(shown || '[]') as { dst: string }[]).map(({ dst }) => dst)
  const wanted = peers.flatMap((peer) => peer.tunnel?.address ?? [])
  const missing = wanted.filter((address) => !there.includes(address))
  const odd = there.filter((address) => !wanted.includes(address))
  const mtu = missing.length > 0 ? tunnelMtu({ peers }, await hostMtu(peers[0]?.address ?? '')) : 0
  for (const address of missing) {
    await run('ip', ['route', 'replace', ...nowhere(address)])
    const way = ['dev', name, 'src', tunnel.address, 'mtu', `${mtu}`]
    await run('ip', ['route', 'replace', `${address}/32`, ...way])
  }
  for (const address of odd) {
    await run('ip', ['route', 'delete', address, 'dev', name])
    await tryRun('ip', ['route', 'delete', ...nowhere(address)])
  }
  return [
    ...missing.map((address) => `added the way to ${address}`),
    ...odd.map((address) => `removed the way to ${address}`),
  ]
}

/** Whether the device has this key, port and peers, by `wg show NAME dump` (wg(8)): tabs between what it says. */
async function knowsPeers(name: string, { peers, tunnel }: Encrypted, key: string): Promise<boolean> {
  const lines = (await run('wg', ['show', name, 'dump'])).trimEnd().split('\n')
  const [own = [], ...others] = lines.map((line) => line.split('\t'))
  const now = others.map(([publicKey, , , addresses]) => `${publicKey} ${addresses}`)
  const wanted = peers.map((peer) => `${peer.tunnel?.publicKey} ${peer.tunnel?.address}/32`)
  const isOwn = own[0] === key && own[2] === `${tunnel.port}`
  return isOwn && isDeepStrictEqual(now.sort(), wanted.sort())
}

/** Sessions with peers that stay as they are go on. */
async function tellPeers(name: string, text: string): Promise<void> {
  // It opens a file, for which the socket that a child of this process has as its stdin is none; a pipe is.
  await run('sh', ['-c', 'cat | wg syncconf "$0" /dev/stdin', name], text)
}

/** What `wg syncconf` reads. */
function configuration({ peers, tunnel }: Encrypted, key: string): string {
  const sections = peers.map((peer) => {
    const host = isIPv6(peer.address) ? `[${peer.address}]` : peer.address
    return `[Peer]
PublicKey = ${peer.tunnel?.publicKey}
AllowedIPs = ${peer.tunnel?.address}/32
Endpoint = ${host}:${tunnel.port}
PersistentKeepalive = ${keepaliveSeconds}
`
  })
  return [`[Interface]\nPrivateKey = ${key}\nListenPort = ${tunnel.port}\n`, ...sections].join('\n')
}
