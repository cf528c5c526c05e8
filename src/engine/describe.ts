import type { ContainerDocument, NetworkDocument } from '../model/documents.ts'
import { RefusedError } from '../model/errors.ts'
import { type Manifest, manifestOf } from '../model/manifest.ts'
import type { Engine } from './engine.ts'

/**
 * The manifest of one container, by name or id.
 * @throws RefusedError `unknown-container` with the names that come nearest.
 */
export async function describeContainer(engine: Engine, nameOrId: string): Promise<Manifest> {
  const container = await engine.containers.inspect(nameOrId)
  if (!container) throw await unknownContainer(engine, nameOrId)
  const image = await engine.images.inspect(container.Image)
  if (!image) {
    throw new RefusedError(
      'image-gone',
      `The image of ${nameOrId} (${container.Image}) is no longer on ${engine.name}.`,
      {
        suggestions: ['Pull or load that image again, or commit the container to a new image.'],
      },
    )
  }
  const volumeNames = container.Mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name ? [Name] : []))
  const volumes = await Promise.all(volumeNames.map((name) => engine.volumes.inspect(name)))
  return manifestOf({
    container,
    image,
    networks: await networksOf(engine, container),
    volumes: volumes.filter((volume) => volume !== undefined),
    engineVersion: engine.version,
    containerNames: await namesOfReferenced(engine, container),
  })
}

async function networksOf(engine: Engine, container: ContainerDocument): Promise<NetworkDocument[]> {
  const endpoints = Object.entries(container.NetworkSettings.Networks)
  const networks = await Promise.all(
    endpoints.map(([name, { NetworkID }]) => engine.networks.inspect(NetworkID || name)),
  )
  return networks.filter((network) => network !== undefined)
}

async function namesOfReferenced(engine: Engine, container: ContainerDocument): Promise<Map<string, string>> {
  const { NetworkMode, PidMode, IpcMode } = container.HostConfig
  const joined = [NetworkMode, PidMode, IpcMode].flatMap((mode) => mode?.match(/^container:(.+)$/)?.[1] ?? [])
  const links = Object.values(container.NetworkSettings.Networks).flatMap(({ Links }) => Links ?? [])
  const linked = links.flatMap((link) => link.split(':')[0] || [])
  const names = new Map<string, string>()
  for (const id of new Set([...joined, ...linked])) {
    const other = await engine.containers.inspect(id)
    if (other) names.set(id, other.Name.replace(/^\//, ''))
  }
  return names
}

async function unknownContainer(engine: Engine, name: string): Promise<RefusedError> {
  const all = (await engine.containers.list()).flatMap(({ Names }) => Names[0]?.replace(/^\//, '') ?? [])
  const near = all.filter((other) => other.includes(name) || name.includes(other))
  const shown = (near.length > 0 ? near : all).slice(0, 5)
  return new RefusedError('unknown-container', `There is no container "${name}" on ${engine.name}.`, {
    suggestions: [
      shown.length > 0
        ? `Containers there: ${shown.join(', ')}${all.length > shown.length ? ', …' : '.'}`
        : `${engine.name} has no containers.`,
      'Use --from to name another engine.',
    ],
    data: { engine: engine.name, container: name },
  })
}
