import type { ChunkRef } from '../agent/protocol.ts'
import type { Engine } from '../engine/engine.ts'
import { goArchitecture } from '../migrate/facts.ts'
import { messageOf } from '../model/errors.ts'
import {
  formatVersion,
  type SnapshotConfig,
  type SnapshotEngine,
  type SnapshotImage,
  type SnapshotTree,
} from './config.ts'
import type { Contents } from './contents.ts'
import type { CreateRequest } from './create.ts'
import { joinPacks, mostPacks } from './join-packs.ts'
import { layersFor, type Needed, neededOf } from './layers.ts'
import type { PackList } from './pack-format.ts'
import { redactEnvironment } from './redact.ts'
import { annotations, type Descriptor, mediaTypes, type OciManifest } from './repository/oci.ts'
import type { ListedSnapshot } from './repository/repository.ts'
import type { StoodStill } from './standstill.ts'

export interface PublishRequest extends CreateRequest {
  id: string
  contents: Contents
  directory: string
  /** Packs that were made for it. */
  packs: readonly PackList[]
  stood: Pick<StoodStill<unknown>, 'instantMs' | 'kind' | 'pauseSeconds'>
  trees: SnapshotTree[]
  images: SnapshotImage[]
  /** Of more packs than this it joins small ones; as many as registries take unless told. */
  mostPacks?: number
}

/**
 * Makes a snapshot of what was stored, after a look whether everything is there that it refers to.
 * @throws WherryError `blob-missing` when something is not.
 */
export async function publish(request: PublishRequest): Promise<ListedSnapshot> {
  const { contents, directory, group, id, images, key, packs, repository, seal, trees } = request
  contents.chunks.addPacks(packs)
  for (const pack of packs) contents.packs.set(pack.digest, { pack })
  const refs = images.flatMap(({ refs = [] }) => refs)
  const needed = await neededOf(contents.chunks, directory, trees, refs)
  const layers =
    needed.packs.size > (request.mostPacks ?? mostPacks)
      ? await joinedLayers(request, needed, refs)
      : await layersFor(contents, seal, needed.packs)
  const config = configOf(request)
  const sealed = seal.seal(Buffer.from(JSON.stringify(config)), 'config')
  const { createdAt } = config
  // A registry need not know what an encrypted snapshot is of.
  const title = key ? undefined : group.manifests.map(({ name }) => name).join(', ')
  const manifest: OciManifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: mediaTypes.snapshot,
    config: await repository.add(sealed, mediaTypes.config),
    layers: key ? [key, ...layers] : layers,
    annotations: {
      [annotations.id]: id,
      [annotations.created]: createdAt,
      ...(title === undefined ? {} : { [annotations.title]: title }),
    },
  }
  return repository.publish(manifest, { id, createdAt, ...(title === undefined ? {} : { title }) })
}

/** The layers of a snapshot that would have too many. Where packs cannot be joined it has them: only registries mind. */
async function joinedLayers(
  request: PublishRequest,
  needed: Needed,
  refs: readonly ChunkRef[],
): Promise<Descriptor[]> {
  const { contents, directory, report, seal, signal, trees } = request
  try {
    const joined = await joinPacks(request, needed)
    const { packs } = await neededOf(joined.chunks, directory, trees, refs)
    return await layersFor(joined, seal, packs)
  } catch (error) {
    signal.throwIfAborted()
    const message = `The snapshot has ${needed.packs.size} packs, more than most registries take, and they could not be joined: ${messageOf(error)}`
    report({ type: 'warning', code: 'packs-not-joined', message })
    return layersFor(contents, seal, needed.packs)
  }
}

/** What a snapshot says of the engine that it is taken on. */
export function snapshotEngine({ info, name, version }: Engine): SnapshotEngine {
  return {
    name,
    id: info.ID,
    hostName: info.Name,
    version,
    architecture: goArchitecture(info.Architecture),
    os: info.OSType,
    storageDriver: info.Driver,
  }
}

function configOf(request: PublishRequest): SnapshotConfig {
  const { engine, group, id, images, madeBy, stood, trees } = request
  const { manifests, redacted } = redactEnvironment(group.manifests, request.redactEnv)
  return {
    formatVersion,
    id,
    createdAt: new Date().toISOString(),
    instant: new Date(stood.instantMs).toISOString(),
    standstill: stood.kind,
    pauseSeconds: stood.pauseSeconds,
    madeBy,
    engine: snapshotEngine(engine),
    containers: manifests,
    trees,
    images,
    redacted,
    warnings: group.warnings,
  }
}
