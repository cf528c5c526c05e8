import type { OuterEngine } from './outer-engine.ts'
import { type LabEngineName, labLabel } from './places.ts'
import { labFailure } from './wait.ts'

/**
 * Candidates for the lab's network. They keep clear of the ranges that engines choose from by themselves, so that
 * the inner engines can be left with their defaults, as an ordinary host is.
 */
export const labSubnets = ['10.213.77.0/24', '10.87.213.0/24', '10.251.19.0/24', '10.19.251.0/24']
/** For each of those in IPv6 too. */
const ipv6Subnet = (index: number) => `fd77:6c61:62:${index}::/64`
/** The bridge of a network with one of those subnets: known, so that it can be found when its engine is dead. */
const bridgeOf = (index: number) => `wherry-lab${index}`
export const labBridges = labSubnets.map((_, index) => bridgeOf(index))
/** The last part of each engine's address. */
const hostPart: Readonly<Record<LabEngineName, number>> = { alpha: 11, beta: 12 }

/** Makes sure that the lab's network is there and gives the address of each engine on it. */
export async function ensureLabNetwork(
  outer: OuterEngine,
  network: string,
): Promise<Record<LabEngineName, string>> {
  const existing = await subnetOf(outer, network)
  return addressesIn(existing ?? (await createNetwork(outer, network)))
}

/** The engines' addresses in an IPv4 /24. Pure. */
export function addressesIn(subnet: string): Record<LabEngineName, string> {
  const prefix = subnet.replace(/\.\d+\/\d+$/, '')
  return { alpha: `${prefix}.${hostPart.alpha}`, beta: `${prefix}.${hostPart.beta}` }
}

async function subnetOf(outer: OuterEngine, network: string): Promise<string | undefined> {
  const format = '{{range .IPAM.Config}}{{.Subnet}} {{end}}'
  const found = await outer.try(['network', 'inspect', network, '--format', format], { timeoutMs: 20_000 })
  if (found.failure) return undefined
  return found.stdout.split(' ').find((subnet) => subnet.includes('.'))
}

/** With IPv6 where the outer engine can, else without. */
async function createNetwork(outer: OuterEngine, network: string): Promise<string> {
  let failure = ''
  for (const withIpv6 of [true, false]) {
    for (const [index, subnet] of labSubnets.entries()) {
      const ipv6 = withIpv6 ? ['--ipv6', '--subnet', ipv6Subnet(index)] : []
      const bridge = ['--opt', `com.docker.network.bridge.name=${bridgeOf(index)}`]
      const options = ['--label', `${labLabel}=network`, ...bridge, '--subnet', subnet, ...ipv6]
      const created = await outer.try(['network', 'create', ...options, network], { timeoutMs: 30_000 })
      if (!created.failure) return subnet
      failure = created.stderr
    }
  }
  throw labFailure('lab-network-failed', `the network ${network} could not be created`, failure)
}
