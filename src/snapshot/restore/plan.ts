import type { Engine } from '../../engine/engine.ts'
import { type EngineFacts, type Facts, gatherTargetFacts } from '../../migrate/facts.ts'
import { newMigrationId, planMigration } from '../../migrate/plan.ts'
import { refuse } from '../../migrate/preflight.ts'
import { RefusedError } from '../../model/errors.ts'
import type { Manifest } from '../../model/manifest.ts'
import type { DataPath, MigrateOptions, Plan, PortMapping } from '../../model/plan.ts'
import type { SnapshotConfig, SnapshotTree } from '../config.ts'
import { type GivenVariable, withVariables } from '../redact.ts'
import { assertKnown, badNames, missingTrees, sharedNames } from './checks.ts'
import { type Identity, type Renaming, renamingFor, withIdentity } from './identity.ts'
import { planMemory, type RestoredMemory } from './memory.ts'
import { unlistedMounts } from './mounts.ts'

/** What the user asked for, in the words of the flags. */
export interface RestoreOptions {
  /** Of all containers where empty. */
  containers: readonly string[]
  /** Old name to new name. */
  names: ReadonlyMap<string, string>
  identity: Identity
  mapVolume: Readonly<Record<string, string>>
  mapNetwork: Readonly<Record<string, string>>
  mapPort: readonly PortMapping[]
  path: DataPath
  /** Values of variables that the snapshot was made without. */
  variables: readonly GivenVariable[]
  /** Those that are started go on from the memory that the snapshot has of them. */
  memory: boolean
  /** Whether containers are started that ran when the snapshot was taken. */
  start: boolean
}

/** What of a snapshot's config a plan goes by. */
type PlannedConfig = Pick<SnapshotConfig, 'id' | 'engine' | 'containers' | 'trees' | 'redacted'>

/** A plan, and which tree of the snapshot goes to which tree of the plan. */
export interface RestorePlan {
  plan: Plan
  trees: { tree: SnapshotTree; id: string }[]
  /** What goes on from its memory. */
  memory: RestoredMemory[]
}

/** Looks at the target and makes the plan; nothing is changed. @throws RefusedError with every reason not to begin. */
export async function planRestore(
  target: Engine,
  repo: string,
  config: PlannedConfig,
  options: RestoreOptions,
): Promise<RestorePlan> {
  const chosen = withVariables(
    chooseContainers(config, options.containers),
    config.redacted,
    options.variables,
  )
  assertKnown(chosen, options)
  const renaming = renamingFor(chosen, namesFor(chosen, options.names), options.identity, {
    volumes: options.mapVolume,
    networks: options.mapNetwork,
  })
  const manifests = chosen.map((manifest) => {
    const renamed = withIdentity(manifest, renaming, options.identity)
    // Whoever had paused it did so to that container.
    const running = options.start && renamed.state.running
    return { ...renamed, state: { ...renamed.state, running, paused: false } }
  })
  const { identity } = options
  const memory = options.memory
    ? planMemory(target, config, chosen, { identity, names: renaming.containers })
    : []
  refuse([...badNames(manifests), ...unlistedMounts(chosen, `snapshot ${config.id}`)])
  const facts = await factsFor(target, config, manifests)
  const id = newMigrationId(new Date())
  const { plan, refusals } = planMigration(id, new Date().toISOString(), facts, optionsFor(config, options))
  const trees = matchTrees(config, chosen, plan, renaming)
  refuse([...refusals, ...missingTrees(plan, trees), ...sharedNames(trees)])
  return { plan: { ...plan, snapshot: { id: config.id, repo } }, trees, memory }
}

function chooseContainers(config: PlannedConfig, names: readonly string[]): Manifest[] {
  const known = config.containers.map(({ name }) => name)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    throw new RefusedError(
      'unknown-container',
      `Snapshot ${config.id} has no container ${unknown.join(', ')}.`,
      {
        suggestions: [`It has: ${known.join(', ')}.`],
      },
    )
  }
  return config.containers.filter(({ name }) => names.length === 0 || names.includes(name))
}

function namesFor(
  manifests: readonly Manifest[],
  names: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const only = names.get('')
  if (only === undefined) return names
  const [first, ...others] = manifests
  if (first && others.length === 0) return new Map([[first.name, only]])
  throw new RefusedError(
    'names-not-clear',
    `There are ${manifests.length} containers to restore, and one new name.`,
    {
      suggestions: ['Give each its name: --name OLD=NEW --name OLD2=NEW2'],
    },
  )
}

function optionsFor(config: PlannedConfig, { path, mapPort }: RestoreOptions): MigrateOptions {
  return {
    mode: 'cold',
    consistency: 'clean',
    binds: config.trees.some(({ kind }) => kind === 'bind') ? 'copy' : 'keep',
    path,
    mapNetwork: {},
    stretch: false,
    leavePeers: true,
    mapPort,
    maxRounds: 1,
    verify: 'changed',
  }
}

/** The snapshot stands where a migration has its source. */
async function factsFor(
  target: Engine,
  { engine, id, trees }: PlannedConfig,
  manifests: Manifest[],
): Promise<Facts> {
  const source: EngineFacts = {
    ...engine,
    name: `snapshot ${id}`,
    // No engine's: a container may be restored where it was.
    id: `snapshot:${id}`,
    apiVersion: '',
    runtimes: [],
    logDrivers: [],
    rootDirectory: '',
    swarm: {},
  }
  const changed = (container: string) =>
    (trees.find((tree) => tree.id === `layer:${container}`)?.entries ?? 0) > 1
  return {
    isSnapshot: true,
    source,
    ...(await gatherTargetFacts(target, manifests)),
    manifests,
    layerChanged: Object.fromEntries(
      manifests.map(({ id, name }) => [id, target.info.Driver !== 'overlay2' && changed(name)]),
    ),
    sourceContainers: [],
    peers: [],
    stretched: [],
  }
}

/** Which tree of the snapshot fills which of the plan, which goes by the new names. */
function matchTrees(
  config: PlannedConfig,
  manifests: readonly Manifest[],
  plan: Plan,
  { containers, volumes }: Renaming,
): RestorePlan['trees'] {
  return config.trees.flatMap((tree) => {
    const { kind, container, destination, source } = tree
    if (kind === 'memory') return []
    if (
      !manifests.some(
        ({ name, mounts }) => name === container || mounts.some((mount) => mount.source === source),
      )
    )
      return []
    const name = containers.get(container) ?? container
    const id = {
      volume: `volume:${volumes.get(source) ?? source}`,
      anonymous: `anonymous:${name}:${destination}`,
      layer: `layer:${name}`,
      bind: `bind:${source}`,
    }[kind]
    return plan.trees.some((planned) => planned.id === id) ? [{ tree, id }] : []
  })
}
