import type { NetworkTraits } from '../drivers/network/driver.ts'
import { stretch } from '../drivers/network/stretch.ts'
import { isBuiltInNetwork, type Manifest } from '../model/manifest.ts'
import type { ContainerPlan, MigrateOptions, NetworkPlan } from '../model/plan.ts'
import type { Facts } from './facts.ts'
import { targetNetwork } from './target-network.ts'

/** The networks that the containers need on the target, each once. Pure. */
export function planNetworks(
  manifests: readonly Manifest[],
  facts: Facts,
  options: MigrateOptions,
  labels: Record<string, string>,
): NetworkPlan[] {
  const plans = manifests
    .flatMap(({ networks }) => networks)
    .filter(({ Name }) => !isBuiltInNetwork(Name))
    .map((network): NetworkPlan => {
      const { name, there, driver } = targetNetwork(facts, options, network)
      const parent = options.mapParent?.[network.Name]
      if (driver === stretch) return { name, action: 'stretch', request: {} }
      const request = there ? undefined : driver?.request(network, { labels, ...(parent ? { parent } : {}) })
      return { name, action: request ? 'create' : 'join', request: request ?? {} }
    })
  return plans.filter(({ name }, index) => plans.findIndex((other) => other.name === name) === index)
}

/** What a container's endpoints need on the target, by the traits of the networks there. */
export interface EndpointPlan extends Required<Pick<ContainerPlan, 'announced' | 'held'>> {
  /** Networks of the source in whose counterparts no MAC address can be asked for. */
  withoutMac: string[]
}

/** Finds out what the traits of a container's networks mean for it. Pure. */
export function planEndpoints(manifest: Manifest, facts: Facts, options: MigrateOptions): EndpointPlan {
  const found = manifest.networks.map((network) => ({
    network,
    ...targetNetwork(facts, options, network),
  }))
  const where = (matches: (traits: NetworkTraits) => boolean) =>
    found.filter(({ driver }) => driver && matches(driver.traits))
  const endpoints = manifest.endpoints.map(({ network, asked, actual }) => ({
    network,
    ipv4: asked.ipv4 ?? actual.ipv4,
    ipv6: asked.ipv6 ?? actual.ipv6,
  }))
  const announcing = where(({ announces }) => announces).map(({ network }) => network.Name)
  const shared = where(({ sharesAddresses }) => sharesAddresses)
    // Of another network the source has no addresses to hold.
    .filter(({ network, there }) => there?.Id === network.Id)
    .map(({ network }) => network.Name)
  return {
    withoutMac: where(({ keepsMac }) => !keepsMac).map(({ network }) => network.Name),
    announced: endpoints
      .filter(({ network }) => announcing.includes(network))
      .flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6])
      .filter(Boolean),
    held: endpoints
      .filter(({ network, ipv4 }) => shared.includes(network) && ipv4)
      .map(({ network, ipv4 }) => ({ network, ipv4 })),
  }
}
