import type { Engine } from '../engine/engine.ts'
import type { ContainerDocument } from '../model/documents.ts'
import type { GhostEndpoint } from '../model/ghost.ts'
import { isBuiltInNetwork, type Manifest } from '../model/manifest.ts'
import { roleLabel } from '../model/plan.ts'
import { ghostLabel, ghostRole } from '../network/ghosts.ts'
import { membershipsOn } from '../network/membership.ts'
import { endpointsOf } from '../network/reconcile.ts'

/** A running container that shares networks with those that move. */
export interface Peer {
  name: string
  /** Its endpoints on the shared networks, those that somebody made. */
  endpoints: GhostEndpoint[]
  /** The container that it stands for, if it is a ghost. */
  ghostOf?: string
}

/** The running containers of an engine, the group's own left out, that are on a network with one of the group. */
export async function findPeers(source: Engine, manifests: readonly Manifest[]): Promise<Peer[]> {
  const networks = manifests
    .flatMap((manifest) => manifest.networks)
    .filter(({ Name }) => !isBuiltInNetwork(Name))
  const shared = new Set(networks.map(({ Name }) => Name))
  const own = manifests.map(({ id }) => id)
  const ids = new Set(networks.flatMap(({ Containers }) => Object.keys(Containers ?? {})))
  const documents = await Promise.all(
    [...ids].filter((id) => !own.includes(id)).map((id) => source.containers.inspect(id)),
  )
  return documents.flatMap((document) => (document ? [peerOf(document, shared)] : []))
}

function peerOf(document: ContainerDocument, shared: ReadonlySet<string>): Peer {
  const labels = document.Config.Labels ?? {}
  const isGhost = labels[roleLabel] === ghostRole
  const endpoints = endpointsOf(document, [...shared])
  const ownNames = [document.Name.slice(1), document.Config.Hostname]
  return {
    name: document.Name.slice(1),
    endpoints: endpoints.map((endpoint) => ({
      ...endpoint,
      names: endpoint.names.filter((name) => !isGhost || !ownNames.includes(name)),
    })),
    ...(isGhost ? { ghostOf: labels[ghostLabel] ?? '' } : {}),
  }
}

/** The networks that are one on both engines already. */
export async function stretchedBetween(source: Engine, target: Engine): Promise<string[]> {
  const [here, there] = await Promise.all([membershipsOn(source), membershipsOn(target)])
  const isSame = (network: string, vni: number) =>
    there.some((other) => other.network === network && other.record.settings.vni === vni)
  return here
    .filter(({ network, record }) => isSame(network, record.settings.vni))
    .map(({ network }) => network)
}

/** The names of the running containers on a network that are no helpers of wherry's. */
export async function othersOn(engine: Engine, network: string): Promise<string[]> {
  const ids = Object.keys((await engine.networks.inspect(network))?.Containers ?? {})
  const documents = await Promise.all(ids.map((id) => engine.containers.inspect(id)))
  return documents.flatMap((document) =>
    document && ['target', undefined].includes(document.Config.Labels?.[roleLabel])
      ? [document.Name.slice(1)]
      : [],
  )
}
