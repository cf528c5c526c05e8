import { isIPv6 } from 'node:net'
import type { StretchSettings } from './settings.ts'

/** Ethernet, IPv4 or IPv6, UDP and VXLAN headers around a packet (RFC 7348), and IPv6 and TCP headers inside. */
const outerBytes = { ip: 50, ip6: 70 }
const innerBytes = 60

/**
 * The rules of one stretched network, as nft(8) reads them; they replace what is there of them at once.
 *
 * - The bridge itself has the gateway's address on every engine: nothing that it sends or that is meant for it crosses, so that
 *   each container talks to the gateway of its own engine.
 * - TCP connections that cross agree on segments that fit with the outer headers. (Other packets that are too long are answered with
 *   "fragmentation needed" by the kernel's own VXLAN code.)
 * - Packets from hosts that are not members are not let in.
 *
 * `hostMtuBytes` is what the way to the other members carries.
 */
export function tableText(
  device: string,
  { peers, port, vni, mtuBytes }: StretchSettings,
  hostMtuBytes: number,
): string {
  const family = isIPv6(peers[0]?.address ?? '') ? 'ip6' : 'ip'
  const segment = Math.min(mtuBytes, hostMtuBytes - outerBytes[family]) - innerBytes
  const member = peers.map(({ from }) => from).join(', ')
  const clamp = `tcp flags syn tcp option maxseg size set ${segment}`
  // The identifier's 24 bits come after the UDP header's 8 bytes and 4 bytes of flags.
  const ours = `udp dport ${port} @th,96,24 ${vni}`
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
  chain members { type filter hook input priority -10; ${ours} ${family} saddr != { ${member} } drop; }
}
`
}
