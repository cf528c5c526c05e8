import { describeContainer } from '../engine/describe.ts'
import type { Engine } from '../engine/engine.ts'
import { RefusedError } from '../model/errors.ts'
import type { Manifest, ManifestMount } from '../model/manifest.ts'
import type { Warning } from '../model/plan.ts'

const projectLabel = 'com.docker.compose.project'

/** A directory to read, and where it is on the engine. */
export interface SourceTree {
  id: string
  kind: 'volume' | 'anonymous' | 'layer' | 'bind'
  container: string
  destination: string
  /** The volume's name or the path on the engine's host. */
  source: string
}

/** Containers that are taken at one instant, and everything of theirs that is read. */
export interface Group {
  manifests: Manifest[]
  trees: SourceTree[]
  warnings: Warning[]
}

/** What to do with directories of the host: refuse, take them along, or leave them out. */
export type SnapshotBinds = 'fail' | 'copy' | 'leave'

/** Names of the containers of a Compose project. @throws RefusedError `unknown-project`. */
export async function projectContainers(engine: Engine, project: string): Promise<string[]> {
  const found = await engine.containers.list({ labels: [`${projectLabel}=${project}`] })
  if (found.length > 0) return found.map(({ Id }) => Id)
  throw new RefusedError(
    'unknown-project',
    `There is no container of a Compose project "${project}" on ${engine.name}.`,
    {
      suggestions: ['See which there are: docker compose ls --all'],
    },
  )
}

/** Looks at the containers. @throws RefusedError for what is not there or cannot be taken, every reason at once. */
export async function describeGroup(
  engine: Engine,
  names: readonly string[],
  binds: SnapshotBinds,
): Promise<Group> {
  const manifests: Manifest[] = []
  for (const name of names) {
    const manifest = await describeContainer(engine, name)
    if (!manifests.some(({ id }) => id === manifest.id)) manifests.push(manifest)
  }
  const group: Group = { manifests, trees: [], warnings: [] }
  const refusals: string[] = []
  for (const manifest of manifests) {
    await addLayer(engine, manifest, group, refusals)
    for (const mount of manifest.mounts) addMount(manifest, mount, binds, group, refusals)
  }
  group.trees = group.trees.filter((tree, index, all) => all.findIndex(({ id }) => id === tree.id) === index)
  if (refusals.length > 0) throw refusal(refusals)
  await warnOfSharing(engine, group)
  return group
}

function refusal(refusals: string[]): RefusedError {
  const message =
    refusals.length === 1
      ? (refusals[0] ?? '')
      : [`${refusals.length} reasons not to begin:`, ...refusals.map((reason) => `  - ${reason}`)].join('\n')
  return new RefusedError('not-taken', message, {
    suggestions: [
      'For directories of the host: --binds copy takes them along, --binds leave leaves them out.',
    ],
    data: { refusals },
  })
}

async function addLayer(engine: Engine, manifest: Manifest, group: Group, refusals: string[]): Promise<void> {
  const { name, id, writableLayer } = manifest
  if (writableLayer?.driver === 'overlay2') {
    group.trees.push({
      id: `layer:${name}`,
      kind: 'layer',
      container: name,
      destination: '/',
      source: writableLayer.upperDirectory,
    })
    return
  }
  if ((await engine.containers.countChanges(id).catch(() => 1)) > 0) {
    refusals.push(
      `${name} has changes in its writable layer, which can be read only with the overlay2 storage driver (${engine.name} has ${engine.info.Driver}).`,
    )
  }
}

function addMount(
  { name }: Manifest,
  { kind, destination, source, type }: ManifestMount,
  binds: SnapshotBinds,
  { trees, warnings }: Group,
  refusals: string[],
): void {
  if (kind === 'volume') trees.push({ id: `volume:${source}`, kind, container: name, destination, source })
  else if (kind === 'anonymous') {
    trees.push({ id: `anonymous:${name}:${destination}`, kind, container: name, destination, source })
  } else if (kind === 'bind' && binds === 'copy') {
    trees.push({ id: `bind:${source}`, kind, container: name, destination, source })
  } else if (kind === 'bind' && binds === 'leave') {
    warnings.push({
      code: 'bind-left',
      message: `The host’s ${source}, which ${name} mounts, is not in the snapshot.`,
    })
  } else if (kind === 'bind') {
    refusals.push(
      `${name} has the host directory ${source} mounted at ${destination}; wherry does not know whether it belongs to the container.`,
    )
  } else if (kind === 'tmpfs') {
    warnings.push({
      code: 'tmpfs',
      message: `What ${name} keeps in memory at ${destination} (tmpfs) is not in the snapshot.`,
    })
  } else if (kind === 'shared' && !trees.some((tree) => tree.source === source)) {
    trees.push({ id: `volume:${source}`, kind: 'volume', container: name, destination, source })
  } else if (kind === 'other') {
    refusals.push(`${name} has a mount of type ${type} at ${destination}, which cannot be read.`)
  }
}

/** Who else writes into these volumes goes on while the group stands still. */
async function warnOfSharing(engine: Engine, { manifests, trees, warnings }: Group): Promise<void> {
  const own = new Set(manifests.map(({ id }) => id))
  const volumes = new Set(trees.filter(({ kind }) => kind !== 'layer').map(({ source }) => source))
  for (const { Id, Names, State, Mounts } of await engine.containers.list()) {
    if (own.has(Id) || State !== 'running') continue
    for (const { Name, Source, RW } of Mounts ?? []) {
      const shared = [Name, Source].find((source) => source !== undefined && volumes.has(source))
      if (!shared || RW === false) continue
      const other = Names[0]?.slice(1) ?? Id.slice(0, 12)
      warnings.push({
        code: 'volume-shared',
        message: `${other} uses ${shared} too and goes on: take it into the snapshot as well, or stop it, if it writes there.`,
      })
    }
  }
}
