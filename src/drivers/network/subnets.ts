import { BlockList, isIPv6 } from 'node:net'
import type { NetworkDocument } from '../../model/documents.ts'

/** Into how many parts a subnet is cut: the lower half for the engine that had the network, the rest for the others. */
const parts = 8
const partBits = 3
/** How many members can have a part of their own, beside the one that keeps the lower half. */
export const spareParts = parts / 2

/**
 * Of an IPv6 subnet only the first half million addresses are shared out: engines begin at its start, and cannot handle a range that
 * reaches its end.
 */
const usedBits = { 32: 32, 128: 19 } as const

/**
 * The part of a subnet from which a further member's engine takes addresses: the topmost for index 0, downwards from there.
 * Undefined where a part would have fewer than 8 addresses, or the index is too large.
 */
export function rangeFor(subnet: string, index: number): string | undefined {
  const [base = '', prefixText = ''] = subnet.split('/')
  const bits = isIPv6(base) ? 128 : 32
  const prefix = Math.max(Number(prefixText), bits - usedBits[bits]) + partBits
  if (index >= spareParts || prefix > bits - partBits) return undefined
  const start = toNumber(base) + (BigInt(parts - 1 - index) << BigInt(bits - prefix))
  return `${toAddress(start, bits)}/${prefix}`
}

/** The address that an engine takes for itself where nobody has said which: the first. */
export function firstAddress(subnet: string): string {
  const [base = ''] = subnet.split('/')
  return toAddress(toNumber(base) + 1n, isIPv6(base) ? 128 : 32)
}

/**
 * The host addresses of a subnet in ascending order, up to but without one, at most so many; those next to that one where they
 * would be more.
 */
export function addressesBelow(subnet: string, address: string | undefined, most: number): string[] {
  const [base = ''] = subnet.split('/')
  const bits = isIPv6(base) ? 128 : 32
  const first = toNumber(base) + 1n
  const end = address === undefined ? first + BigInt(most) : toNumber(address)
  const start = end - first > BigInt(most) ? end - BigInt(most) : first
  return Array.from({ length: Number(end - start) }, (_, index) => toAddress(start + BigInt(index), bits))
}

/** A network's subnets, as in 172.18.0.0/16. */
export function subnetsOf({ IPAM }: NetworkDocument): string[] {
  return (IPAM.Config ?? []).flatMap(({ Subnet }) => Subnet ?? [])
}

/** Whether an address lies in a subnet such as 172.18.0.0/16. */
export function contains(subnet: string, address: string): boolean {
  const [base = '', prefix = '0'] = subnet.split('/')
  if (isIPv6(base) !== isIPv6(address)) return false
  const family = isIPv6(base) ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  list.addSubnet(base, Number(prefix), family)
  return list.check(address, family)
}

/** Whether two subnets share an address: then one of them contains the other's base. */
export function overlap(a: string, b: string): boolean {
  return contains(a, b.split('/')[0] ?? '') || contains(b, a.split('/')[0] ?? '')
}

function toNumber(address: string): bigint {
  if (!isIPv6(address)) return address.split('.').reduce((sum, part) => (sum << 8n) + BigInt(part), 0n)
  const [head = '', tail] = address.split('::')
  const groups = (text: string) => text.split(':').filter(Boolean)
  const left = groups(head)
  const right = groups(tail ?? '')
  const missing = tail === undefined ? 0 : 8 - left.length - right.length
  const all = [...left, ...Array.from({ length: missing }, () => '0'), ...right]
  return all.reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n)
}

function toAddress(value: bigint, bits: number): string {
  const width = bits === 32 ? 8n : 16n
  const count = bits === 32 ? 4 : 8
  const groups = Array.from(
    { length: count },
    (_, index) => (value >> (width * BigInt(count - 1 - index))) & ((1n << width) - 1n),
  )
  return bits === 32 ? groups.join('.') : groups.map((group) => group.toString(16)).join(':')
}
