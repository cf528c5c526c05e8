import { isIPv6, type Socket } from 'node:net'
import type { ProxyProtocol } from '../../model/plan.ts'

/** Who talks to whom, as a listener's socket knows it. */
export type Ends = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** Version 2, command PROXY. */
const versionAndCommand = 0x21
const stream = { ipv4: 0x11, ipv6: 0x21 } as const

/**
 * The PROXY protocol's header for a TCP connection: source and destination as the client's side of it has them.
 * Format: "The PROXY protocol, versions 1 & 2", haproxy's doc/proxy-protocol.txt, sections 2.1 and 2.2.
 */
export function proxyHeader(version: ProxyProtocol, ends: Ends): Buffer {
  const from = plain(ends.remoteAddress)
  const to = plain(ends.localAddress)
  const { remotePort: fromPort = 0, localPort: toPort = 0 } = ends
  const family = isIPv6(from) ? 'ipv6' : 'ipv4'
  if (version === 'v1') {
    const name = family === 'ipv6' ? 'TCP6' : 'TCP4'
    return Buffer.from(`PROXY ${name} ${from} ${to} ${fromPort} ${toPort}\r\n`, 'latin1')
  }
  const addresses = Buffer.concat([bytesOf(from), bytesOf(to), Buffer.alloc(4)])
  addresses.writeUInt16BE(fromPort, addresses.length - 4)
  addresses.writeUInt16BE(toPort, addresses.length - 2)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(addresses.length)
  return Buffer.concat([signature, Buffer.from([versionAndCommand, stream[family]]), length, addresses])
}

/** A socket for both families shows IPv4 clients as ::ffff:1.2.3.4. */
function plain(address = '0.0.0.0'): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*/, '')
}

function bytesOf(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const words = (text = '') => (text === '' ? [] : text.split(':'))
  const [front, back] = [words(head), words(tail)]
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0')
  const all = tail === undefined ? front : [...front, ...zeros, ...back]
  return Buffer.from(all.map((word) => word.padStart(4, '0')).join(''), 'hex')
}
