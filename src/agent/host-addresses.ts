import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

/**
 * What leads to an address: a network card or what is made of cards (`wire`), the interface of a VPN (`vpn`), or something that
 * is itself carried by others, such as a VXLAN device and the bridge of containers (`inner`).
 */
export type Way = 'wire' | 'vpn' | 'inner'

/** Numbers of kinds of interfaces, linux/if_arp.h: what has no header of its own, and tunnels without encryption. */
const noHeader = '65534'
const tunnels = ['768', '769', '776', '778', '823']
const carried = ['vxlan', 'geneve']
/** A tunnel of a stretched network goes when that network does: nothing else goes through it. */
const ours = /^wherryt\d+$/

/** An interface that is gone meanwhile, or that tells nothing of itself, counts as `wire`. */
export function wayOf(name: string, root = '/sys/class/net'): Way {
  const read = (file: string) => readText(`${root}/${name}/${file}`)
  const deviceType = typeOf(read('uevent'))
  const isVpn = read('type') === noHeader || existsSync(`${root}/${name}/tun_flags`)
  // A mobile modem has no header either.
  if (isVpn && deviceType !== 'wwan') return 'vpn'
  if (carried.includes(deviceType) || tunnels.includes(read('type'))) return 'inner'
  if (deviceType !== 'bridge') return 'wire'
  return portsOf(`${root}/${name}/brif`).some((port) => isOfHost(port, root)) ? 'wire' : 'inner'
}

/** A bridge's port that leads out of the host: a card, or what is made of cards. */
function isOfHost(name: string, root: string): boolean {
  const deviceType = typeOf(readText(`${root}/${name}/uevent`))
  return existsSync(`${root}/${name}/device`) || ['vlan', 'bond', 'wlan'].includes(deviceType)
}

function typeOf(uevent: string): string {
  return /^DEVTYPE=(.*)$/m.exec(uevent)?.[1] ?? ''
}

function portsOf(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim()
  } catch {
    return ''
  }
}

/** This host's addresses, without those that mean something on one link only: on the wire first, what others carry last. */
export function hostAddresses(): { all: string[]; vpn: string[] } {
  const interfaces = Object.entries(networkInterfaces()).filter(([name]) => !ours.test(name))
  const found = interfaces.flatMap(([name, list]) => {
    const way = wayOf(name)
    const far = (list ?? []).filter(({ internal, scopeid }) => !internal && !scopeid)
    return far.map(({ address }) => ({ address, way }))
  })
  const by = (wanted: Way) => found.filter(({ way }) => way === wanted).map(({ address }) => address)
  return { all: [...by('wire'), ...by('vpn'), ...by('inner')], vpn: by('vpn') }
}
