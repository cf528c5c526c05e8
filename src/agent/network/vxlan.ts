import { run, tryRun } from './commands.ts'
import { tableText } from './filter.ts'
import type { StretchSettings } from './settings.ts'

export type { StretchSettings } from './settings.ts'

/** The VXLAN device's name, at most 15 characters as for every interface. */
export function deviceName({ vni }: Pick<StretchSettings, 'vni'>): string {
  return `wherry${vni}`
}

interface LinkDocument {
  master?: string
  mtu: number
  flags: string[]
  linkinfo?: { info_data?: { id?: number; port?: number } }
}

interface FdbEntry {
  mac: string
  dst?: string
}

/** Frames whose place nobody has learned yet, and broadcasts, go to every entry of this address (bridge(8)). */
const everywhere = '00:00:00:00:00:00'

/**
 * Makes the host's end as it should be and leaves alone what is right: filters, device, peers and bridge port, in this order, for
 * nothing may cross unfiltered. Gives what it had to change, for the log. Throws with the failing program's own words; where the
 * filters cannot be had the device is in no bridge.
 */
export async function ensureLink(settings: StretchSettings): Promise<string[]> {
  const device = deviceName(settings)
  const changes = await ensureFilter(device, settings).catch(async (error) => {
    await tryRun('ip', ['link', 'set', 'dev', device, 'nomaster'])
    throw error
  })
  const { bridge, mtuBytes } = settings
  let link = await findLink(device)
  const { id, port } = link?.linkinfo?.info_data ?? {}
  if (link && (id !== settings.vni || port !== settings.port)) {
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

async function addDevice(device: string, { vni, port, peers }: StretchSettings): Promise<void> {
  // The first peer also says whether the outside is IPv4 or IPv6.
  const remote = peers[0]?.address ?? ''
  const type = ['type', 'vxlan', 'id', `${vni}`, 'dstport', `${port}`, 'remote', remote, 'ttl', '64']
  await run('ip', ['link', 'add', 'dev', device, ...type])
}

async function findLink(device: string): Promise<LinkDocument | undefined> {
  const { output, ok } = await tryRun('ip', ['-json', '-details', 'link', 'show', 'dev', device])
  return ok ? (JSON.parse(output) as LinkDocument[])[0] : undefined
}

async function ensurePeers(device: string, { peers }: StretchSettings): Promise<string[]> {
  const entries = JSON.parse(await run('bridge', ['-json', 'fdb', 'show', 'dev', device])) as FdbEntry[]
  const there = entries.filter(({ mac, dst }) => mac === everywhere && dst).map(({ dst }) => dst as string)
  const wanted = peers.map(({ address }) => address)
  const changes: string[] = []
  for (const address of wanted.filter((one) => !there.includes(one))) {
    await run('bridge', ['fdb', 'append', everywhere, 'dev', device, 'dst', address])
    changes.push(`added ${address}`)
  }
  for (const address of there.filter((one) => !wanted.includes(one))) {
    await run('bridge', ['fdb', 'delete', everywhere, 'dev', device, 'dst', address])
    changes.push(`removed ${address}`)
  }
  return changes
}

const defaultMtuBytes = 1500

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

/** The MTU of the interface through which an address is reached. */
async function hostMtu(address: string): Promise<number> {
  const [route] = JSON.parse(await run('ip', ['-json', 'route', 'get', address])) as { dev: string }[]
  const [link] = JSON.parse(
    await run('ip', ['-json', 'link', 'show', 'dev', route?.dev ?? '']),
  ) as LinkDocument[]
  return link?.mtu ?? defaultMtuBytes
}

/** Takes the host's end away; fine where it is gone already. @throws Error where something of it stays. */
export async function removeLink(settings: StretchSettings): Promise<void> {
  const device = deviceName(settings)
  shown.delete(device)
  const { errors } = await tryRun('ip', ['link', 'delete', 'dev', device])
  if (await findLink(device)) throw new Error(`${device} could not be removed: ${errors.trim()}`)
  for (const family of ['bridge', 'inet']) {
    const { errors } = await tryRun('nft', ['delete', 'table', family, device])
    const { ok: isThere } = await tryRun('nft', ['list', 'table', family, device])
    if (isThere) throw new Error(`the table ${family} ${device} could not be removed: ${errors.trim()}`)
  }
}
