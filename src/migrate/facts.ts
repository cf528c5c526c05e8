import { type SwarmMembership, sameSwarm } from '../drivers/network/swarm.ts'
import { describeContainer } from '../engine/describe.ts'
import type { Engine } from '../engine/engine.ts'
import type { ContainerSummary, ImageDocument, NetworkDocument } from '../model/documents.ts'
import type { Ghost } from '../model/ghost.ts'
import type { Manifest } from '../model/manifest.ts'
import { ghostsOn } from '../network/ghosts.ts'
import { findPeers, type Peer, stretchedBetween } from './peers.ts'

/** An engine, as far as a plan depends on it. */
export interface EngineFacts {
  name: string
  /** What its host calls itself. */
  hostName: string
  id: string
  version: string
  apiVersion: string
  /** In the words of images: amd64, arm64, … */
  architecture: string
  os: string
  storageDriver: string
  runtimes: string[]
  logDrivers: string[]
  rootDirectory: string
  swarm: SwarmMembership
}

/** What an agent sees of an engine's host. Paths are those that the plan asked about. */
export interface HostFacts {
  /** Free space where the engine keeps its data. */
  freeBytes: number
  freeInodes: number
  paths: Record<string, { real: string; kind: string; isEmpty: boolean }>
  addresses: string[]
  interfaces: string[]
  /** Whether its kernel has the modules that networks need; undefined where that cannot be told. */
  modules: Record<string, boolean | undefined>
  listeningPorts: { protocol: string; address: string; port: number }[]
}

/** Everything that a plan is made from. Gathered by looking only. */
export interface Facts {
  /** The source is no engine: nobody can be named to come along. */
  isSnapshot?: boolean
  source: EngineFacts
  target: EngineFacts
  manifests: Manifest[]
  /** By container id, whether its writable layer holds changes; only of those whose layer cannot simply be copied. */
  layerChanged: Record<string, boolean>
  sourceContainers: ContainerSummary[]
  targetContainers: ContainerSummary[]
  /** Who shares networks with them on the source. */
  peers: Peer[]
  /** Networks that are one on both engines already. */
  stretched: string[]
  targetGhosts: Ghost[]
  /** Those of the swarm too that the target will list only when it uses them. */
  targetNetworks: NetworkDocument[]
  targetVolumes: string[]
  /** What the target has under the images' references and ids. */
  targetImages: Record<string, ImageDocument>
  /** Absent until an agent has looked: what the engines' own API tells is checked first. */
  sourceHost?: HostFacts
  targetHost?: HostFacts
  /** Where the source's host reaches the target's; looked for only where something is to be forwarded. */
  targetAddresses?: string[]
  /** What is to be copied, all trees together: bytes as they lie on the source's disk, holes not counted. */
  size?: { bytes: number; files: number; complete: boolean }
}

/** Looks at both engines and the containers. @throws RefusedError for a container that is not there. */
export async function gatherFacts(source: Engine, target: Engine, names: readonly string[]): Promise<Facts> {
  const manifests: Manifest[] = []
  for (const name of names) {
    const manifest = await describeContainer(source, name)
    if (!manifests.some(({ id }) => id === manifest.id)) manifests.push(manifest)
  }
  const [ofTarget, layerChanged, sourceContainers, peers, stretched] = await Promise.all([
    gatherTargetFacts(target, manifests),
    changedLayers(source, target, manifests),
    source.containers.list(),
    findPeers(source, manifests),
    stretchedBetween(source, target),
  ])
  const { targetNetworks } = ofTarget
  return {
    source: engineFacts(source),
    ...ofTarget,
    manifests,
    layerChanged,
    sourceContainers,
    peers,
    stretched,
    targetNetworks: [...targetNetworks, ...(await networksOfSwarm(source, target, targetNetworks))],
  }
}

/** What a plan has to know of the engine on which containers are to be made. */
export type TargetFacts = Pick<
  Facts,
  'target' | 'targetContainers' | 'targetGhosts' | 'targetNetworks' | 'targetVolumes' | 'targetImages'
>

export async function gatherTargetFacts(target: Engine, manifests: Manifest[]): Promise<TargetFacts> {
  const [targetContainers, targetNetworks, volumes, targetGhosts, targetImages] = await Promise.all([
    target.containers.list(),
    networksOf(target),
    target.volumes.list(),
    ghostsOn(target),
    imagesOnTarget(target, manifests),
  ])
  return {
    target: engineFacts(target),
    targetContainers,
    targetNetworks,
    targetVolumes: volumes.map(({ Name }) => Name),
    targetGhosts,
    targetImages,
  }
}

async function networksOf({ networks }: Engine): Promise<NetworkDocument[]> {
  const documents = await Promise.all((await networks.list()).map(({ Id }) => networks.inspect(Id)))
  return documents.filter((document) => document !== undefined)
}

/** What the source lists of a swarm that both are in. A worker does not list an attachable network until it is used there. */
async function networksOfSwarm(
  source: Engine,
  target: Engine,
  listed: NetworkDocument[],
): Promise<NetworkDocument[]> {
  if (!sameSwarm(source.info.Swarm, target.info.Swarm)) return []
  const ofSource = await networksOf(source)
  return ofSource.filter(({ Scope, Id }) => Scope === 'swarm' && !listed.some((other) => other.Id === Id))
}

/** Whether agents can carry a writable layer: both engines keep layers in directories, and alike. */
export function layerIsCarried({ writableLayer }: Manifest, targetDriver: string): boolean {
  return writableLayer?.driver === 'overlay2' && targetDriver === 'overlay2'
}

async function changedLayers(
  source: Engine,
  target: Engine,
  manifests: Manifest[],
): Promise<Record<string, boolean>> {
  const stuck = manifests.filter((manifest) => !layerIsCarried(manifest, target.info.Driver))
  // An engine fails to list changes below paths of more than 4096 bytes: then there are some.
  const changed = stuck.map(
    async ({ id }) =>
      [
        id,
        await source.containers.countChanges(id).then(
          (count) => count > 0,
          () => true,
        ),
      ] as const,
  )
  return Object.fromEntries(await Promise.all(changed))
}

function engineFacts({ name, version, apiVersion, info }: Engine): EngineFacts {
  return {
    name,
    hostName: info.Name,
    id: info.ID,
    version,
    apiVersion,
    architecture: goArchitecture(info.Architecture),
    os: info.OSType,
    storageDriver: info.Driver,
    runtimes: Object.keys(info.Runtimes ?? {}),
    logDrivers: info.Plugins.Log ?? [],
    rootDirectory: info.DockerRootDir,
    swarm: info.Swarm,
  }
}

async function imagesOnTarget(target: Engine, manifests: Manifest[]): Promise<Record<string, ImageDocument>> {
  const found: Record<string, ImageDocument> = {}
  for (const { image } of manifests) {
    for (const reference of [image.reference, image.id]) {
      const document = await target.images.inspect(reference)
      if (document) found[reference] = document
    }
  }
  return found
}

/** Engines name the machine as `uname -m` does, images as Go does. */
export function goArchitecture(machine: string): string {
  const names: Record<string, string> = {
    x86_64: 'amd64',
    aarch64: 'arm64',
    armv7l: 'arm',
    armv6l: 'arm',
    i686: '386',
  }
  return names[machine] ?? machine
}
