import { contains, subnetsOf } from '../../drivers/network/subnets.ts'
import type { NetworkDocument } from '../../model/documents.ts'
import { isBuiltInNetwork, type Manifest } from '../../model/manifest.ts'
import type { MigrateOptions } from '../../model/plan.ts'
import { ghostName } from '../../network/ghosts.ts'
import { takesAllEndpoints } from '../create-request.ts'
import type { Facts } from '../facts.ts'
import { targetNetwork } from '../target-network.ts'
import { dockerFor, type Finder, inGroup } from './check.ts'

/** In networks that are on the target already, the container's addresses are free and in the subnet. */
export function checkAddresses(
  facts: Facts,
  options: MigrateOptions,
  { name, endpoints, networks }: Manifest,
  found: Finder,
): void {
  const { target } = facts
  for (const { network, asked, actual } of endpoints) {
    const document = networks.find(({ Name }) => Name === network)
    if (!document || isBuiltInNetwork(network)) continue
    const { there } = targetNetwork(facts, options, document)
    if (!there) continue
    for (const address of [asked.ipv4 ?? actual.ipv4, asked.ipv6 ?? actual.ipv6].filter(Boolean)) {
      const holder = holderOf(there, address, facts.manifests)
      // A ghost that stands for it gives way.
      if (holder === ghostName(name)) continue
      if (holder) {
        found.refuse(
          'address-taken',
          `The address ${address} of ${name} is taken on ${target.name} by ${holder} (network ${there.Name}).`,
          `Free it there: ${dockerFor(target.name)} network disconnect ${there.Name} ${holder}`,
        )
      } else if (!subnetsOf(there).some((subnet) => contains(subnet, address))) {
        found.refuse(
          'address-outside',
          `The address ${address} of ${name} is not in ${subnetsOf(there).join(', ')}, the subnet of ${there.Name} on ${target.name}.`,
          'Map to a network with the same subnet.',
        )
      }
    }
  }
}

/** Who has an address in a network. A network that spans engines may show the containers that move: those give theirs up. */
function holderOf(
  { Containers, IPAM }: NetworkDocument,
  address: string,
  moving: readonly Manifest[],
): string | undefined {
  if (IPAM.Config?.some(({ Gateway }) => Gateway === address)) return 'the gateway'
  const holders = Object.entries(Containers ?? {}).filter(([id]) => !inGroup(moving, id))
  return holders.find(([, { IPv4Address, IPv6Address }]) =>
    [IPv4Address, IPv6Address].some((taken) => taken?.split('/')[0] === address),
  )?.[1].Name
}

/** MAC addresses are kept wherever the target's network and engine have them. */
export function checkMacs(
  facts: Facts,
  options: MigrateOptions,
  { name, endpoints, networks, hostConfig }: Manifest,
  found: Finder,
): void {
  const { target } = facts
  for (const { network, asked, actual } of endpoints) {
    const document = networks.find(({ Name }) => Name === network)
    const driver = document && targetNetwork(facts, options, document).driver
    if (isBuiltInNetwork(network)) continue
    if (asked.mac && driver?.traits.keepsMac === false) {
      found.warn(
        'mac-lost',
        `The MAC address ${asked.mac} of ${name} on network ${network} is not kept: containers in a network of the kind ${driver.name} have none of their own.`,
      )
    }
    // The main network's MAC address is always known, and every engine takes it.
    if (network === hostConfig.NetworkMode || driver?.traits.keepsMac === false) continue
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
