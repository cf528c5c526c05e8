import { differences, sameDefinition } from '../../drivers/network/bridge.ts'
import type { NetworkDocument } from '../../model/documents.ts'
import { isBuiltInNetwork, type Manifest } from '../../model/manifest.ts'
import { migrationLabel } from '../../model/plan.ts'
import { ghostName } from '../../network/ghosts.ts'
import { contains, overlap } from '../../network/ranges.ts'
import { takesAllEndpoints } from '../create-request.ts'
import type { Facts } from '../facts.ts'
import { stretchedNetworks } from '../plan-ghosts.ts'
import { type Check, dockerFor, findings, targetNetworkName } from './check.ts'

/** Networks can be made again with their subnets, and the addresses in them are free. */
export const checkNetworks: Check = (facts, options) => {
  const found = findings()
  const seen = new Set<string>()
  const stretched = stretchedNetworks(facts, options)
  for (const manifest of facts.manifests) {
    for (const network of manifest.networks) {
      if (isBuiltInNetwork(network.Name)) {
        if (network.Name === 'bridge') {
          found.warn(
            'default-bridge',
            `${manifest.name} is on the default bridge: its address there is chosen by ${facts.target.name}.`,
          )
        }
        continue
      }
      if (!seen.has(network.Name))
        checkNetwork(
          facts,
          network,
          targetNetworkName(options, network.Name),
          Object.hasOwn(options.mapNetwork, network.Name),
          stretched.includes(network.Name),
          found,
        )
      seen.add(network.Name)
    }
    checkAddresses(facts, manifest.name, options.mapNetwork, found)
    checkMacs(facts, manifest, found)
  }
  return found
}

type Finder = ReturnType<typeof findings>

function checkNetwork(
  { target, targetNetworks }: Facts,
  network: NetworkDocument,
  name: string,
  mapped: boolean,
  isStretched: boolean,
  found: Finder,
): void {
  if (network.Driver !== 'bridge' && !mapped) {
    found.refuse(
      'network-driver',
      `The network ${network.Name} has the driver ${network.Driver}; only bridge networks can be made again so far.`,
      `Map it to a network of ${target.name}: --map-network ${network.Name}=OTHER`,
    )
    return
  }
  const there = targetNetworks.find(({ Name }) => Name === name)
  // Whether it can be is found out where stretching is planned.
  if (there && isStretched) return
  if (there) {
    const ours = there.Labels?.[migrationLabel] !== undefined && sameDefinition(there, network)
    if (ours || mapped) return
    const differing = differences(there, network)
    found.refuse(
      'network-exists',
      `${target.name} already has a network named ${name}${differing.length > 0 ? `, with other ${differing.join(', ')}` : ' with the same definition'}.`,
      `To use it: --map-network ${network.Name}=${name}`,
    )
    return
  }
  if (mapped) {
    found.refuse(
      'no-such-network',
      `${target.name} has no network named ${name}, to which ${network.Name} is mapped.`,
      `Create it there, or leave the mapping out to have ${network.Name} made again.`,
    )
    return
  }
  for (const subnet of subnetsOf(network)) {
    const other = targetNetworks.find((candidate) =>
      subnetsOf(candidate).some((theirs) => overlap(theirs, subnet)),
    )
    if (other) {
      found.refuse(
        'subnet-overlap',
        `The subnet ${subnet} of network ${network.Name} overlaps with ${subnetsOf(other).join(', ')} of network ${other.Name} on ${target.name}.`,
        `Use that one: --map-network ${network.Name}=${other.Name}`,
        `Or remove it there: ${dockerFor(target.name)} network rm ${other.Name}`,
      )
    }
  }
}

/** The main network's MAC address is always known, and every engine takes it. */
function checkMacs({ target }: Facts, { name, endpoints, hostConfig }: Manifest, found: Finder): void {
  for (const { network, asked, actual } of endpoints) {
    if (network === hostConfig.NetworkMode || isBuiltInNetwork(network)) continue
    if (!actual.mac) {
      found.warn(
        'mac-unknown',
        `${name} does not run: a MAC address that was set for it on network ${network} cannot be seen and is not kept.`,
      )
    } else if (asked.mac && !takesAllEndpoints(target.apiVersion)) {
      found.warn(
        'mac-lost',
        `The MAC address ${asked.mac} of ${name} on network ${network} is not kept: ${target.name} speaks API ${target.apiVersion}, which has none for further networks.`,
      )
    }
  }
}

function checkAddresses(
  { target, targetNetworks, manifests }: Facts,
  container: string,
  mapNetwork: Readonly<Record<string, string>>,
  found: Finder,
): void {
  const manifest = manifests.find(({ name }) => name === container)
  for (const { network, asked, actual } of manifest?.endpoints ?? []) {
    if (isBuiltInNetwork(network)) continue
    const there = targetNetworks.find(({ Name }) => Name === (mapNetwork[network] ?? network))
    if (!there) continue
    for (const address of [asked.ipv4 ?? actual.ipv4, asked.ipv6 ?? actual.ipv6].filter(Boolean)) {
      const holder = holderOf(there, address)
      if (holder === ghostName(container)) continue
      if (holder) {
        found.refuse(
          'address-taken',
          `The address ${address} of ${container} is taken on ${target.name} by ${holder} (network ${there.Name}).`,
          `Free it there: ${dockerFor(target.name)} network disconnect ${there.Name} ${holder}`,
        )
      } else if (!subnetsOf(there).some((subnet) => contains(subnet, address))) {
        found.refuse(
          'address-outside',
          `The address ${address} of ${container} is not in ${subnetsOf(there).join(', ')}, the subnet of ${there.Name} on ${target.name}.`,
          'Map to a network with the same subnet.',
        )
      }
    }
  }
}

function holderOf({ Containers, IPAM }: NetworkDocument, address: string): string | undefined {
  if (IPAM.Config?.some(({ Gateway }) => Gateway === address)) return 'the gateway'
  const holders = Object.values(Containers ?? {})
  return holders.find(({ IPv4Address, IPv6Address }) =>
    [IPv4Address, IPv6Address].some((taken) => taken?.split('/')[0] === address),
  )?.Name
}

function subnetsOf({ IPAM }: NetworkDocument): string[] {
  return (IPAM.Config ?? []).flatMap(({ Subnet }) => Subnet ?? [])
}
