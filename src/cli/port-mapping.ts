import { isIP } from 'node:net'
import { exitCodes, WherryError } from '../model/errors.ts'
import type { PortMapping } from '../model/plan.ts'

/** `[CONTAINER:]PORT[-PORT][/PROTOCOL]=[HOST_IP:]HOST_PORT[-HOST_PORT]`; an IPv6 address in brackets, as Docker wants it. */
const form =
  /^(?:(?<container>[\w.-]+):)?(?<ports>\d+(?:-\d+)?)(?:\/(?<protocol>tcp|udp|sctp))?=(?:\[(?<ipv6>[\da-f:.]+)\]:|(?<ipv4>[\d.]+):)?(?<hostPorts>\d+(?:-\d+)?)$/i

/**
 * Where ports of containers are to be published, from words such as `80=8081`, `web:53/udp=[::1]:5353` or `8000-8010=9000-9010`:
 * one mapping for each port.
 * @throws WherryError `usage` for anything else.
 */
export function parsePortMappings(words: readonly string[]): PortMapping[] {
  return words.flatMap((word) => {
    const { container, ports, protocol, ipv4, ipv6, hostPorts } = form.exec(word)?.groups ?? {}
    if (!ports || !hostPorts) throw notAMapping(word)
    const from = portsOf(ports, word)
    const to = portsOf(hostPorts, word)
    if (from.length !== to.length)
      throw notAMapping(word, `: it has ${from.length} and ${to.length} ports, which must be as many`)
    const hostIp = ipv6 ?? ipv4
    if (hostIp && isIP(hostIp) !== (ipv6 ? 6 : 4)) throw notAMapping(word, `: ${hostIp} is no IP address`)
    return from.map((port, index) => ({
      ...(container ? { container } : {}),
      port: `${port}/${(protocol ?? 'tcp').toLowerCase()}`,
      ...(hostIp ? { hostIp } : {}),
      hostPort: String(to[index]),
    }))
  })
}

function portsOf(text: string, word: string): number[] {
  const [first = 0, last = first] = text.split('-').map(Number)
  if (first < 1 || last > 65_535) throw notAMapping(word, ': ports are 1 to 65535')
  if (last < first) throw notAMapping(word, `: ${text} goes backwards`)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function notAMapping(word: string, why = ''): WherryError {
  return new WherryError('usage', exitCodes.usage, `--map-port does not take "${word}"${why}.`, {
    suggestions: [
      'Give CONTAINER_PORT=HOST_PORT, such as --map-port 80=8081',
      'Or more of it: --map-port web:53/udp=192.0.2.7:5353, --map-port 80=[2001:db8::7]:80, --map-port 8000-8010=9000-9010',
    ],
  })
}
