/** A local port that is taken. `address` is `0.0.0.0` or `::` when it is taken on all addresses. */
export interface ListeningPort {
  protocol: 'tcp' | 'udp'
  address: string
  port: number
}

/** An IPv4 route. `gateway` is absent for a network that is reached directly. */
export interface Route {
  interface: string
  /** As in `10.0.0.0/8`. */
  destination: string
  gateway?: string
}

const listenState = '0A'

/** Ports from /proc/net/{tcp,tcp6,udp,udp6}: TCP sockets that listen, and every bound UDP socket (proc_net(5)). */
export function parsePorts(read: (name: string) => string): ListeningPort[] {
  const ports: ListeningPort[] = []
  for (const name of ['tcp', 'tcp6', 'udp', 'udp6']) {
    const protocol = name.startsWith('tcp') ? 'tcp' : 'udp'
    for (const line of read(name).split('\n').slice(1)) {
      const [, local, , state] = line.trim().split(/\s+/)
      if (!local || (protocol === 'tcp' && state !== listenState)) continue
      const [address = '', port = ''] = local.split(':')
      ports.push({ protocol, address: parseAddress(address), port: Number.parseInt(port, 16) })
    }
  }
  return ports
}

/** Routes from /proc/net/route. */
export function parseRoutes(text: string): Route[] {
  const routes: Route[] = []
  for (const line of text.split('\n').slice(1)) {
    const [name, destination, gateway, , , , , mask] = line.trim().split(/\s+/)
    if (!name || !destination || !gateway || !mask) continue
    const prefix = [...Buffer.from(mask, 'hex')].reduce(
      (sum, byte) => sum + byte.toString(2).replaceAll('0', '').length,
      0,
    )
    routes.push({
      interface: name,
      destination: `${parseAddress(destination)}/${prefix}`,
      ...(gateway === '00000000' ? {} : { gateway: parseAddress(gateway) }),
    })
  }
  return routes
}

/** The kernel prints addresses as 32-bit words in the machine's own (little endian) order. */
function parseAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  bytes.swap32()
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
  const text = groups.join(':')
  if (text === '0:0:0:0:0:0:0:0') return '::'
  return text === '0:0:0:0:0:0:0:1' ? '::1' : text
}
