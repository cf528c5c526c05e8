import { BlockList, isIPv6 } from 'node:net'
import type { NetworkDocument } from '../../model/documents.ts'

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
