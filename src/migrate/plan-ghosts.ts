import type { NetworkTraits } from '../drivers/network/driver.ts'
import type { Ghost } from '../model/ghost.ts'
import { isBuiltInNetwork, type Manifest } from '../model/manifest.ts'
import type { GhostsPlan, MigrateOptions } from '../model/plan.ts'
import { namesOn } from '../network/reconcile.ts'
import type { Facts } from './facts.ts'
import type { Peer } from './peers.ts'
import { targetNetwork } from './target-network.ts'

/** The networks in which peers still reach a container after a move, but would not find it by its name. */
export function ghostedNetworks(facts: Facts, options: MigrateOptions): string[] {
  return networksWhere(
    facts,
    options,
    ({ reach, namesSpanEngines }) => reach !== 'engine' && !namesSpanEngines,
  )
}

/** The networks in which peers no longer reach a container after a move. */
export function partedNetworks(facts: Facts, options: MigrateOptions): string[] {
  return networksWhere(facts, options, ({ reach }) => reach === 'engine')
}

/** The networks in which a container and its peers find each other by name after a move. */
export function spanningNetworks(facts: Facts, options: MigrateOptions): string[] {
  return networksWhere(facts, options, ({ reach }) => reach !== 'engine')
}

function networksWhere(
  facts: Facts,
  options: MigrateOptions,
  wanted: (traits: NetworkTraits) => boolean,
): string[] {
  const networks = facts.manifests.flatMap((manifest) => manifest.networks)
  const names = networks
    .filter(({ Name }) => !isBuiltInNetwork(Name) && !Object.hasOwn(options.mapNetwork, Name))
    .filter((network) => {
      const { driver } = targetNetwork(facts, options, network)
      return driver !== undefined && wanted(driver.traits)
    })
    .map(({ Name }) => Name)
  return [...new Set(names)]
}

/** Who stands in for whom: for running containers, where the networks of both engines are one. */
export function planGhosts(facts: Facts, options: MigrateOptions): GhostsPlan {
  const networks = ghostedNetworks(facts, options)
  const moving = facts.manifests.map(({ name }) => name)
  const onSource = facts.manifests
    .filter(({ state }) => state.running)
    .map((manifest) => ghostOf(manifest, networks))
    .filter(({ endpoints }) => endpoints.length > 0)
  const onTarget = stayingPeers(facts, networks).map(
    ({ name, endpoints }): Ghost => ({
      of: name,
      endpoints: endpoints.filter(({ network }) => networks.includes(network)),
    }),
  )
  const givingWay = facts.targetGhosts.filter(({ of }) => moving.includes(of))
  return { onSource, onTarget, givingWay }
}

/** Containers that stay on the source and share one of the networks; ghosts do not count. */
export function stayingPeers({ peers }: Pick<Facts, 'peers'>, networks: readonly string[]): Peer[] {
  return peers.filter(
    ({ ghostOf, endpoints }) =>
      ghostOf === undefined && endpoints.some(({ network }) => networks.includes(network)),
  )
}

function ghostOf({ name, config, endpoints }: Manifest, networks: readonly string[]): Ghost {
  return {
    of: name,
    endpoints: endpoints
      .filter(({ network }) => networks.includes(network))
      .map(({ network, actual, asked }) => ({
        network,
        ...actual,
        names: namesOn(name, asked.aliases, config.Hostname),
      })),
  }
}
