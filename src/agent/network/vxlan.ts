import { run, tryRun } from './commands.ts'
import { tableText, tunnelName } from './filter.ts'
import { hostMtu } from './host-mtu.ts'
import type { Peer, StretchSettings } from './settings.ts'
import { ensureTunnel, removeTunnel } from './tunnel.ts'

export type { StretchSettings } from './settings.ts'

/** The VXLAN device's name, at most 15 characters as for every interface. */
export function deviceName({ vni }: Pick<StretchSettings, 'vni'>): string {
  return `wherry${vni}`
}

interface LinkDocument {
  master?: string
  mtu: number
  flags: string[]
  linkinfo?: { info_data?: { id?: number; port?: number; local?: string } }
}

interface FdbEntry {
  mac: string
  dst?: string
}

/** Frames whose place nobody has learned yet, and broadcasts, go to every entry of this address (bridge(8)). */
const everywhere = '00:00:00:00:00:00'

/**
 * Makes the host's end as it should be and leaves alone what is right: filters, tunnel, device, peers and bridge port, in this
 * order, for nothing may cross unfiltered. `key` is the private key of the tunnel where there is to be one. Gives what it had to change, for the log. Throws with the failing program's own words; where the
 * filters cannot be had the device is in no bridge.
 */
export async function ensureLink(settings: StretchSettings, key = ''): Promise<string[]> {
  const device = deviceName(settings)
  const changes = await ensureFilter(device, settings).catch(async (error) => {
    await tryRun('ip', ['link', 'set', 'dev', device, 'nomaster'])
    throw error
  })
  const { bridge, mtuBytes, tunnel } = settings
  if (tunnel) changes.push(...(await ensureTunnel({ ...settings, tunnel }, key)))
  let link = await findLink(device)
  const { id, port, local } = link?.linkinfo?.info_data ?? {}
  if (link && (id !== settings.vni || port !== settings.port || local !== tunnel?.address)) {
    await run('ip', ['link', 'delete', 'dev', device])
    link = undefined
  }
  if (!link) {
    await addDevice(device, settings)
    changes.push(`made ${device}`)
  }
  changes.push(...(await ensurePeers(device, settings)))
  if (link?.master !== bridge || link.mtu !== mtuBytes || !link.flags.includes('UP')) {
    await run('ip', ['link', 'set', 'dev', device, 'mtu', `${mtuBytes}`, 'master', bridge, 'up'])
    changes.push(`joined ${device} to ${bridge}`)
  }
  return changes
}

async function addDevice(device: string, settings: StretchSettings): Promise<void> {
  const { vni, port, peers, tunnel } = settings
  // The first peer also says whether the outside is IPv4 or IPv6.
  const remote = peers[0] ? destinationOf(peers[0]) : ''
  // A device on another goes when that goes: nothing is sent past the tunnel.
  const own = tunnel ? ['local', tunnel.address, 'dev', tunnelName(settings)] : []
  const type = ['type', 'vxlan', 'id', `${vni}`, 'dstport', `${port}`, 'remote', remote, ...own, 'ttl', '64']
  await run('ip', ['link', 'add', 'dev', device, ...type])
}

/** Where the packets for a member go: into the tunnel where there is one. */
function destinationOf({ address, tunnel }: Peer): string {
  return tunnel?.address ?? address
}

async function findLink(device: string): Promise<LinkDocument | undefined> {
  const { output, ok } = await tryRun('ip', ['-json', '-details', 'link', 'show', 'dev', device])
  return ok ? (JSON.parse(output) as LinkDocument[])[0] : undefined
}

async function ensurePeers(device: string, settings: StretchSettings): Promise<string[]> {
  const { peers, tunnel } = settings
  const via = tunnel ? ['via', tunnelName(settings)] : []
  const entries = JSON.parse(await run('bridge', ['-json', 'fdb', 'show', 'dev', device])) as FdbEntry[]
  const there = entries.filter(({ mac, dst }) => mac === everywhere && dst).map(({ dst }) => dst as string)
  const wanted = peers.map(destinationOf)
  const changes: string[] = []
  for (const address of wanted.filter((one) => !there.includes(one))) {
    await run('bridge', ['fdb', 'append', everywhere, 'dev', device, 'dst', address, ...via])
    changes.push(`added ${address}`)
  }
  for (const address of there.filter((one) => !wanted.includes(one))) {
    await run('bridge', ['fdb', 'delete', everywhere, 'dev', device, 'dst', address, ...via])
    changes.push(`removed ${address}`)
  }
  return changes
}

/** What the kernel showed of each table after it was put there: anything else was changed by somebody. */
const shown = new Map<string, string>()

async function ensureFilter(device: string, settings: StretchSettings): Promise<string[]> {
  const list = () => tryRun('nft', ['list', 'table', 'bridge', device]).then(({ output }) => output)
  const listInput = () => tryRun('nft', ['list', 'table', 'inet', device]).then(({ output }) => output)
  const now = (await list()) + (await listInput())
  if (now !== '' && shown.get(device) === now) return []
  const hostMtuBytes = await hostMtu(settings.peers[0]?.address ?? '')
  await run('nft', ['-f', '-'], tableText(device, settings, hostMtuBytes))
  shown.set(device, (await list()) + (await listInput()))
  return ['set the filters']
}

/** Takes the host's end away; fine where it is gone already. @throws Error where something of it stays. */
export async function removeLink(settings: StretchSettings): Promise<void> {
  const device = deviceName(settings)
  shown.delete(device)
  const { errors } = await tryRun('ip', ['link', 'delete', 'dev', device])
  if (await findLink(device)) throw new Error(`${device} could not be removed: ${errors.trim()}`)
  if (settings.tunnel) await removeTunnel(settings)
  for (const family of ['bridge', 'inet']) {
    const { errors } = await tryRun('nft', ['delete', 'table', family, device])
    const { ok: isThere } = await tryRun('nft', ['list', 'table', family, device])
    if (isThere) throw new Error(`the table ${family} ${device} could not be removed: ${errors.trim()}`)
  }
}
