import { wouldAddIpv4 } from '../../drivers/network/definition.ts'
import type { NetworkDriver } from '../../drivers/network/driver.ts'
import { overlap, subnetsOf } from '../../drivers/network/subnets.ts'
import type { NetworkDocument } from '../../model/documents.ts'
import { isBuiltInNetwork, type Manifest } from '../../model/manifest.ts'
import { type MigrateOptions, migrationLabel } from '../../model/plan.ts'
import type { Facts } from '../facts.ts'
import { surroundings, type TargetNetwork, targetNetwork } from '../target-network.ts'
import { checkAddresses, checkMacs } from './addresses.ts'
import { type Check, dockerFor, type Finder, findings } from './check.ts'

/** Networks can be had on the target with their subnets, and the addresses in them are free. */
export const checkNetworks: Check = (facts, options) => {
  const found = findings()
  const seen = new Set<string>()
  for (const manifest of facts.manifests) {
    for (const network of manifest.networks) {
      if (isBuiltInNetwork(network.Name)) warnOfDefaultBridge(facts, manifest, network, found)
      else if (!seen.has(network.Name)) checkNetwork(facts, options, network, found)
      seen.add(network.Name)
    }
    checkAddresses(facts, options, manifest, found)
    checkMacs(facts, options, manifest, found)
  }
  checkParents(facts, options, found)
  return found
}

function warnOfDefaultBridge(
  { target }: Facts,
  { name }: Manifest,
  network: NetworkDocument,
  found: Finder,
): void {
  if (network.Name !== 'bridge') return
  found.warn(
    'default-bridge',
    `${name} is on the default bridge: its address there is chosen by ${target.name}.`,
  )
}

function checkNetwork(facts: Facts, options: MigrateOptions, network: NetworkDocument, found: Finder): void {
  const { target } = facts
  const known = targetNetwork(facts, options, network)
  const { name, isMapped, there, driver } = known
  if (isMapped && !there) {
    found.refuse(
      'no-such-network',
      `${target.name} has no network named ${name}, to which ${network.Name} is mapped.`,
      `Create it there, or leave the mapping out to have ${network.Name} made again.`,
    )
  }
  if (isMapped) return
  if (!driver) {
    found.refuse(
      'network-driver',
      `The network ${network.Name} has the driver ${network.Driver}, of which wherry knows nothing.`,
      `Map it to a network of ${target.name}: --map-network ${network.Name}=OTHER`,
    )
    return
  }
  const parent = options.mapParent?.[network.Name]
  const { refusals, warnings } = driver.obstacles(network, {
    source: surroundings(facts.source, facts.sourceHost),
    target: surroundings(target, facts.targetHost),
    isThere: there !== undefined,
    ...(parent ? { parent } : {}),
  })
  found.refusals.push(...refusals)
  found.warnings.push(...warnings)
  if (there) checkSameName(facts, network, { ...known, there, driver }, found)
  else if (refusals.length === 0) checkNew(facts, network, found)
}

/** What is in the way of a network that has to be made. */
function checkNew(facts: Facts, network: NetworkDocument, found: Finder): void {
  checkSubnets(facts, network, found)
  const { name, version, apiVersion } = facts.target
  if (!wouldAddIpv4(network, apiVersion)) return
  found.refuse(
    'without-ipv4',
    `The network ${network.Name} is without IPv4, which Docker ${version} on ${name} cannot make.`,
    `Use Docker 28 or newer on ${name}, or a network that is there: --map-network ${network.Name}=OTHER`,
  )
}

/** A network of the same name is used where it is the same one: the driver says so, or an earlier move made it. */
function checkSameName(
  { target }: Facts,
  network: NetworkDocument,
  { name, there, driver }: TargetNetwork & { there: NetworkDocument; driver: NetworkDriver },
  found: Finder,
): void {
  const differing = driver.differences(there, network)
  const isOurs = there.Labels?.[migrationLabel] !== undefined
  if (differing.length === 0 && (isOurs || driver.traits.spansEngines)) return
  found.refuse(
    'network-exists',
    `${target.name} already has a network named ${name}${differing.length > 0 ? `, with other ${differing.join(', ')}` : ' with the same definition'}.`,
    `To use it: --map-network ${network.Name}=${name}`,
  )
}

function checkSubnets({ target, targetNetworks }: Facts, network: NetworkDocument, found: Finder): void {
  for (const subnet of subnetsOf(network)) {
    const other = targetNetworks.find((candidate) =>
      subnetsOf(candidate).some((theirs) => overlap(theirs, subnet)),
    )
    if (!other) continue
    found.refuse(
      'subnet-overlap',
      `The subnet ${subnet} of network ${network.Name} overlaps with ${subnetsOf(other).join(', ')} of network ${other.Name} on ${target.name}.`,
      `Use that one: --map-network ${network.Name}=${other.Name}`,
      `Or remove it there: ${dockerFor(target.name)} network rm ${other.Name}`,
    )
  }
}

/** A mapping that would do nothing is a misunderstanding. */
function checkParents(facts: Facts, options: MigrateOptions, found: Finder): void {
  const networks = facts.manifests.flatMap((manifest) => manifest.networks)
  for (const [name, parent] of Object.entries(options.mapParent ?? {})) {
    const network = networks.find(({ Name }) => Name === name)
    const known = network && targetNetwork(facts, options, network)
    const why = !known
      ? 'no container that moves is in it'
      : !known.driver?.traits.needsParent
        ? 'it lies on no interface'
        : known.there
          ? `${facts.target.name} has it already`
          : undefined
    if (!why) continue
    found.refuse(
      'parent-unused',
      `The network ${name} cannot be put on the interface ${parent}: ${why}.`,
      `Leave --map-parent ${name}=${parent} out.`,
    )
  }
}
