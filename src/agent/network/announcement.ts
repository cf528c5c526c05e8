import { isIPv6 } from 'node:net'

const broadcast = Buffer.alloc(6, 0xff)
/** 33:33 and the last four bytes of ff02::1, all nodes (RFC 2464 section 7). */
const allNodesMac = Buffer.from('333300000001', 'hex')
const allNodes = Buffer.from('ff020000000000000000000000000001', 'hex')
const etherTypes = { arp: 0x0806, ipv6: 0x86dd }
const arpOperations = { request: 1, reply: 2 }
const icmpv6 = 58

/**
 * The frames that tell every neighbour at which MAC address an address is now. IPv4: an ARP announcement (RFC 5227 section
 * 2.3) and the same as a reply, because some systems learn from one kind only (RFC 5944 section 4.6). IPv6: an unsolicited
 * neighbour advertisement (RFC 4861 section 7.2.6).
 */
export function announcementsOf(mac: string, address: string): Buffer[] {
  const hardware = Buffer.from(mac.replaceAll(':', ''), 'hex')
  return isIPv6(address)
    ? [neighbourAdvertisement(hardware, ipv6Bytes(address))]
    : [
        gratuitousArp('request', hardware, ipv4Bytes(address)),
        gratuitousArp('reply', hardware, ipv4Bytes(address)),
      ]
}

/** An ARP packet about the sender's own address, to everybody (RFC 826). */
export function gratuitousArp(
  operation: keyof typeof arpOperations,
  hardware: Buffer,
  address: Buffer,
): Buffer {
  const packet = Buffer.alloc(28)
  packet.writeUInt16BE(1, 0) // hardware: Ethernet
  packet.writeUInt16BE(0x0800, 2) // protocol: IPv4
  packet.writeUInt8(6, 4)
  packet.writeUInt8(4, 5)
  packet.writeUInt16BE(arpOperations[operation], 6)
  hardware.copy(packet, 8)
  address.copy(packet, 14)
  // Whom a request looks for is not known; a reply names the entry that is to be made.
  if (operation === 'reply') hardware.copy(packet, 18)
  address.copy(packet, 24)
  return ethernet(broadcast, hardware, etherTypes.arp, packet)
}

/** A neighbour advertisement to all nodes that replaces what they have: flag O, not S, not R (RFC 4861 section 4.4). */
export function neighbourAdvertisement(hardware: Buffer, address: Buffer): Buffer {
  const message = Buffer.alloc(32)
  message.writeUInt8(136, 0)
  message.writeUInt8(0x20, 4)
  address.copy(message, 8)
  message.writeUInt8(2, 24) // option: target link-layer address
  message.writeUInt8(1, 25) // its length, in units of 8 bytes
  hardware.copy(message, 26)
  message.writeUInt16BE(checksum(address, allNodes, message), 2)
  const header = Buffer.alloc(40)
  header.writeUInt8(0x60, 0)
  header.writeUInt16BE(message.length, 4)
  header.writeUInt8(icmpv6, 6)
  // Any other hop limit is ignored: the sender has to be on the link (RFC 4861 section 7.1.2).
  header.writeUInt8(255, 7)
  address.copy(header, 8)
  allNodes.copy(header, 24)
  return ethernet(allNodesMac, hardware, etherTypes.ipv6, Buffer.concat([header, message]))
}

function ethernet(to: Buffer, from: Buffer, type: number, payload: Buffer): Buffer {
  return Buffer.concat([to, from, Buffer.from([type >> 8, type & 0xff]), payload])
}

/** The checksum of an ICMPv6 message with its pseudo-header (RFC 8200 section 8.1, RFC 1071). */
function checksum(from: Buffer, to: Buffer, message: Buffer): number {
  const length = Buffer.from([0, 0, 0, message.length, 0, 0, 0, icmpv6])
  const all = Buffer.concat([from, to, length, message])
  let sum = 0
  for (let at = 0; at < all.length; at += 2) sum += all.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number))
}

/** The 16 bytes of an address such as `fd00::1`, without a zone and without dots. */
export function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = address.split('::')
  const words = (text: string) => text.split(':').filter(Boolean)
  const [before, after] = [words(head), words(tail ?? '')]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return Buffer.from([...before, ...zeros, ...after].map((word) => word.padStart(4, '0')).join(''), 'hex')
}
