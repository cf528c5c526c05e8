import { isIPv6 } from 'node:net'
import type { StretchSettings } from './settings.ts'

/** The tunnel's device, at most 15 characters as for every interface. */
export function tunnelName({ vni }: Pick<StretchSettings, 'vni'>): string {
  return `wherryt${vni}`
}

/** What WireGuard puts around a packet, with the headers outside: 32 bytes of its own, UDP, IPv4 or IPv6. */
const tunnelBytes = { ip: 60, ip6: 80 }

/** Ethernet, IPv4 or IPv6, UDP and VXLAN headers around a packet (RFC 7348), and IPv6 and TCP headers inside. */
const outerBytes = { ip: 50, ip6: 70 }
const innerBytes = 60

/**
 * What the tunnel's device says that it carries: a VXLAN device on it must not say more. What it really carries is said by its
 * routes.
 */
export function tunnelDeviceMtu({ mtuBytes }: Pick<StretchSettings, 'mtuBytes'>): number {
  return mtuBytes + outerBytes.ip
}

/** The largest packet that a tunnel to another member carries, where the way to that carries `hostMtuBytes`. */
export function tunnelMtu({ peers }: Pick<StretchSettings, 'peers'>, hostMtuBytes: number): number {
  return hostMtuBytes - tunnelBytes[familyOf(peers[0]?.address)]
}

function familyOf(address = ''): 'ip' | 'ip6' {
  return isIPv6(address) ? 'ip6' : 'ip'
}

/**
 * The rules of one stretched network, as nft(8) reads them; they replace what is there of them at once.
 *
 * - The bridge itself has the gateway's address on every engine: nothing that it sends or that is meant for it crosses, so that
 *   each container talks to the gateway of its own engine.
 * - TCP connections that cross agree on segments that fit with the outer headers. (Other packets that are too long are answered with
 *   "fragmentation needed" by the kernel's own VXLAN code.)
 * - Packets from hosts that are not members are not let in; with a tunnel only those that came through it.
 * - With a tunnel nothing goes out beside it, even when the tunnel is gone.
 *
 * `hostMtuBytes` is what the way to the other members carries.
 */
export function tableText(device: string, settings: StretchSettings, hostMtuBytes: number): string {
  const { peers, port, vni, mtuBytes, tunnel } = settings
  const outside = peers.map((peer) => (tunnel ? (peer.tunnel?.address ?? '') : peer.from))
  const family = familyOf(outside[0])
  const carriedBytes = tunnel ? tunnelMtu(settings, hostMtuBytes) : hostMtuBytes
  const segment = Math.min(mtuBytes, carriedBytes - outerBytes[family]) - innerBytes
  const member = outside.join(', ')
  const clamp = `tcp flags syn tcp option maxseg size set ${segment}`
  // The identifier's 24 bits come after the UDP header's 8 bytes and 4 bytes of flags.
  const ours = `udp dport ${port} @th,96,24 ${vni}`
  const begin = 'type filter hook'
  const through = `"${tunnelName(settings)}"`
  const chains = [
    `chain members { ${begin} input priority -10; ${ours} ${family} saddr != { ${member} } drop; }`,
    ...(tunnel
      ? [
          `chain beside_in { ${begin} input priority -10; ${ours} iifname != ${through} drop; }`,
          `chain beside_out { ${begin} output priority -10; ${ours} oifname != ${through} drop; }`,
        ]
      : []),
  ]
  return `table bridge ${device} {}
delete table bridge ${device}
table bridge ${device} {
  chain to_gateway { type filter hook input priority 0; iifname "${device}" drop; }
  chain from_gateway { type filter hook output priority 0; oifname "${device}" drop; }
  chain crossing {
    type filter hook forward priority 0;
    oifname "${device}" ${clamp}
    iifname "${device}" ${clamp}
  }
}
table inet ${device} {}
delete table inet ${device}
table inet ${device} {
  ${chains.join('\n  ')}
}
`
}
