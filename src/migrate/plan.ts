import { randomBytes } from 'node:crypto'
import type { Manifest } from '../model/manifest.ts'
import {
  type ContainerPlan,
  type ImagePlan,
  type MigrateOptions,
  migrationLabel,
  type Plan,
  planVersion,
  type Refusal,
  roleLabel,
  type TreePlan,
  type VolumePlan,
} from '../model/plan.ts'
import { isForwarderFor } from '../network/forwarders.ts'
import type { Check } from './checks/check.ts'
import { checkContainers } from './checks/containers.ts'
import { checkDependencies } from './checks/dependencies.ts'
import { checkDevices } from './checks/devices.ts'
import { checkEngines } from './checks/engines.ts'
import { checkForwards } from './checks/forwards.ts'
import { checkNetworks } from './checks/network.ts'
import { checkPeers } from './checks/peers.ts'
import { checkPortMappings } from './checks/port-mappings.ts'
import { checkPorts } from './checks/ports.ts'
import { checkSharing } from './checks/sharing.ts'
import { checkSpace } from './checks/space.ts'
import { checkStorage } from './checks/storage.ts'
import { createRequest } from './create-request.ts'
import { type Facts, layerIsCarried } from './facts.ts'
import { planForwards } from './forwards.ts'
import { startStages } from './order.ts'
import { ghostedNetworks, planGhosts } from './plan-ghosts.ts'
import { planEndpoints, planNetworks } from './plan-networks.ts'
import { mappedPorts } from './plan-ports.ts'

const checks: readonly Check[] = [
  checkEngines,
  checkContainers,
  checkDependencies,
  checkNetworks,
  checkPeers,
  checkPortMappings,
  checkPorts,
  checkForwards,
  checkStorage,
  checkSharing,
  checkDevices,
  checkSpace,
]

/** A migration's id: sorts by time, and is short enough to type. */
export function newMigrationId(now: Date): string {
  const time = now.toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-')
  return `${time}-${randomBytes(2).toString('hex')}`
}

/**
 * Facts in, plan out: what would be done, what the user should know, and every reason not to begin, not only the first.
 * Pure but for the id that the caller gives.
 */
export function planMigration(
  id: string,
  createdAt: string,
  facts: Facts,
  options: MigrateOptions,
): { plan: Plan; refusals: Refusal[] } {
  const found = checks.map((check) => check(facts, options))
  const stages = startStages(facts.manifests)
  const stageOf = ({ id }: Manifest) => stages.get(id) ?? 0
  const manifests = facts.manifests.toSorted((a, b) => stageOf(a) - stageOf(b))
  const trees = manifests.flatMap((manifest) => planTrees(manifest, facts, options)).filter(firstOfItsId)
  const plan: Plan = {
    version: planVersion,
    id,
    createdAt,
    source: { engine: facts.source.name, id: facts.source.id },
    target: { engine: facts.target.name, id: facts.target.id },
    options,
    containers: manifests.map((manifest) => ({
      ...planContainer(id, manifest, facts, options),
      stage: stageOf(manifest),
    })),
    networks: planNetworks(manifests, facts, options, labelsFor(id, 'target')),
    ghosts: planGhosts(facts, options),
    volumes: planVolumes(id, manifests),
    trees,
    bindDirectories: trees.filter(({ kind }) => kind === 'bind').map(({ source }) => source),
    ...(options.forward ? { forwards: planForwards(manifests, facts, options) } : {}),
    ...withSetAside(manifests, facts),
    ...(facts.size ? { size: facts.size } : {}),
    warnings: found.flatMap(({ warnings }) => warnings),
  }
  return { plan, refusals: found.flatMap(({ refusals }) => refusals) }
}

function withSetAside(manifests: readonly Manifest[], { targetContainers }: Facts): Pick<Plan, 'setAside'> {
  const names = manifests.map(({ name }) => name)
  const setAside = names.filter((name) => targetContainers.some((other) => isForwarderFor(name, other)))
  return setAside.length > 0 ? { setAside } : {}
}

function labelsFor(id: string, role: string): Record<string, string> {
  return { [migrationLabel]: id, [roleLabel]: role }
}

function planContainer(
  id: string,
  manifest: Manifest,
  facts: Facts,
  options: MigrateOptions,
): Omit<ContainerPlan, 'stage'> {
  const image = planImage(manifest, facts)
  const { hostConfig, state } = manifest
  const { withoutMac, announced, held } = planEndpoints(manifest, facts, options)
  const created = createRequest(manifest, {
    image: image.createFrom,
    labels: labelsFor(id, 'target'),
    mapNetwork: options.mapNetwork,
    sourceHostName: facts.source.hostName,
    mappedPorts: mappedPorts(manifest, options),
    withoutMac,
    apiVersion: facts.target.apiVersion,
    keepMacOn: ghostedNetworks(facts, options),
  })
  return {
    name: manifest.name,
    sourceId: manifest.id,
    manifest,
    image,
    request: created.request,
    connections: created.connections,
    announced,
    held,
    restartPolicy: hostConfig.RestartPolicy ?? { Name: 'no', MaximumRetryCount: 0 },
    wasRunning: state.running,
    rest: options.consistency === 'crash' || hostConfig.AutoRemove ? 'freeze' : 'stop',
  }
}

function planImage({ image }: Manifest, { targetImages }: Facts): ImagePlan {
  const { id, reference, repoDigests, layers, sizeBytes } = image
  const underReference = targetImages[reference]
  const present = targetImages[id] !== undefined
  const free = underReference === undefined && !reference.includes('@') && reference !== id
  // A reference that means another image over there stays what it is: the container is then created from the id.
  const createFrom = underReference?.Id === id || free ? reference : id
  const action = !present ? 'transfer' : underReference?.Id === id || !free ? 'present' : 'tag'
  return { id, reference, action, createFrom, repoDigests, layers, sizeBytes }
}

function planVolumes(id: string, manifests: Manifest[]): VolumePlan[] {
  const volumes = manifests
    .flatMap(({ mounts }) => mounts)
    .filter(({ kind }) => kind === 'volume')
    .map(
      ({ source, volume }): VolumePlan => ({
        name: source,
        driver: volume?.Driver ?? 'local',
        options: volume?.Options ?? {},
        labels: { ...volume?.Labels, ...labelsFor(id, 'target') },
      }),
    )
  return volumes.filter(({ name }, index) => volumes.findIndex((other) => other.name === name) === index)
}

function planTrees(manifest: Manifest, { target }: Facts, { binds }: MigrateOptions): TreePlan[] {
  const { name: container, mounts, writableLayer } = manifest
  const trees: TreePlan[] = []
  if (writableLayer && layerIsCarried(manifest, target.storageDriver)) {
    trees.push({
      id: `layer:${container}`,
      kind: 'layer',
      container,
      destination: '/',
      source: writableLayer.upperDirectory,
    })
  }
  for (const { kind, destination, source } of mounts) {
    if (kind === 'volume') trees.push({ id: `volume:${source}`, kind, container, destination, source })
    else if (kind === 'anonymous') {
      trees.push({ id: `anonymous:${container}:${destination}`, kind, container, destination, source })
    } else if (kind === 'bind' && binds === 'copy') {
      trees.push({ id: `bind:${source}`, kind, container, destination, source })
    }
  }
  return trees
}

function firstOfItsId(tree: TreePlan, index: number, all: TreePlan[]): boolean {
  return all.findIndex(({ id }) => id === tree.id) === index
}
