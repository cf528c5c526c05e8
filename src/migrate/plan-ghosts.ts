import type { Ghost } from '../model/ghost.ts'
import { isBuiltInNetwork, type Manifest } from '../model/manifest.ts'
import type { GhostsPlan, MigrateOptions } from '../model/plan.ts'
import type { Facts } from './facts.ts'
import { namesOn, type Peer } from './peers.ts'

/** The networks that are, or become, one on both engines. */
export function stretchedNetworks(
  { manifests, stretched }: Pick<Facts, 'manifests' | 'stretched'>,
  options: Pick<MigrateOptions, 'stretch' | 'mapNetwork'>,
): string[] {
  const networks = manifests.flatMap((manifest) => manifest.networks)
  const names = networks
    .filter(({ Name, Driver }) => Driver === 'bridge' && !isBuiltInNetwork(Name))
    .filter(({ Name }) => !Object.hasOwn(options.mapNetwork, Name))
    .filter(({ Name }) => options.stretch || stretched.includes(Name))
    .map(({ Name }) => Name)
  return [...new Set(names)]
}

/** Who stands in for whom: for running containers on stretched networks. */
export function planGhosts(facts: Facts, options: MigrateOptions): GhostsPlan {
  const networks = stretchedNetworks(facts, options)
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
