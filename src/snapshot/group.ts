import { describeContainer } from '../engine/describe.ts'
import type { Engine } from '../engine/engine.ts'
import { whyNotCopied } from '../migrate/checks/storage.ts'
import { refuse } from '../migrate/preflight.ts'
import { RefusedError } from '../model/errors.ts'
import type { Manifest, ManifestMount } from '../model/manifest.ts'
import type { Refusal, Warning } from '../model/plan.ts'
import type { SnapshotTree } from './config.ts'

const projectLabel = 'com.docker.compose.project'

/** A directory to read, and where it is on the engine. */
export interface SourceTree {
  id: string
  kind: SnapshotTree['kind']
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
  const refusals: Refusal[] = []
  for (const manifest of manifests) {
    await addLayer(engine, manifest, group, refusals)
    for (const mount of manifest.mounts) {
      const why = addMount(engine, manifest, mount, binds, group)
      if (why) refusals.push(why)
    }
  }
  group.trees = group.trees.filter((tree, index, all) => all.findIndex(({ id }) => id === tree.id) === index)
  refuse(refusals)
  await warnOfSharing(engine, group)
  return group
}

async function addLayer(
  engine: Engine,
  manifest: Manifest,
  group: Group,
  refusals: Refusal[],
): Promise<void> {
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
    refusals.push({
      code: 'layer-not-readable',
      message: `${name} has changes in its writable layer, which can be read only with the overlay2 storage driver (${engine.name} has ${engine.info.Driver}).`,
      suggestions: ['Keep what must not be lost in a volume.'],
    })
  }
}

/** Adds what is mounted, or says why it cannot be taken. */
function addMount(
  engine: Engine,
  { name }: Manifest,
  mount: ManifestMount,
  binds: SnapshotBinds,
  { manifests, trees, warnings }: Group,
): Refusal | undefined {
  const { kind, destination, source, type } = mount
  const tree = { container: name, destination, source }
  if (kind === 'volume' || kind === 'anonymous') {
    const id = kind === 'volume' ? `volume:${source}` : `anonymous:${name}:${destination}`
    trees.push({ id, kind, ...tree })
    warnings.push(...onlyAlone(whyNotCopied(name, mount, engine.name)))
  } else if (kind === 'shared' && !ownerIsTaken(manifests, mount)) {
    if (!trees.some((other) => other.source === source))
      trees.push({ id: `volume:${source}`, kind: 'volume', ...tree })
    warnings.push(...onlyAlone(volumesFrom(name, mount)))
  }
  if (kind === 'tmpfs') {
    const message = `What ${name} keeps in memory at ${destination} (tmpfs) is not in the snapshot.`
    warnings.push({ code: 'tmpfs', message })
  } else if (kind === 'other') return notReadable(name, type, destination)
  else if (kind === 'bind' && binds === 'copy') trees.push({ id: `bind:${source}`, kind, ...tree })
  else if (kind === 'bind' && binds === 'leave') {
    const message = `The host’s ${source}, which ${name} mounts, is not in the snapshot.`
    warnings.push({ code: 'bind-left', message })
  } else if (kind === 'bind') return hostDirectory(name, mount)
  return undefined
}

/** Whether a container that is taken as well has this volume as its own. */
function ownerIsTaken(manifests: readonly Manifest[], { source }: ManifestMount): boolean {
  return manifests.some(({ mounts }) => mounts.some((own) => own.kind !== 'shared' && own.source === source))
}

/** What no container can be made with again, although its data can be had. */
function onlyAlone(refusal: Refusal | undefined): Warning[] {
  if (!refusal) return []
  const message = `${refusal.message} It can be brought back alone: wherry restore SNAPSHOT --volume VOLUME --into NEW`
  return [{ code: refusal.code, message }]
}

function volumesFrom(name: string, { source }: ManifestMount): Refusal {
  return {
    code: 'volumes-from',
    message: `${name} uses the volume ${source} of a container that is not taken along.`,
    suggestions: ['Name that container too: its volumes are taken with it.'],
  }
}

function notReadable(name: string, type: string, destination: string): Refusal {
  return {
    code: 'mount-kind',
    message: `${name} has a mount of type ${type} at ${destination}, which cannot be read.`,
    suggestions: ['Remove the mount, or replace it by a volume.'],
  }
}

function hostDirectory(name: string, { destination, source }: ManifestMount): Refusal {
  return {
    code: 'bind-mount',
    message: `${name} has the host directory ${source} mounted at ${destination}; wherry does not know whether it belongs to the container.`,
    suggestions: [
      'In a snapshot --binds copy takes it along, --binds leave leaves it out. A clone cannot have it: both would write to it.',
    ],
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
