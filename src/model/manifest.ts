import { posix } from 'node:path'
import type {
  ContainerConfig,
  ContainerDocument,
  EndpointDocument,
  HostConfig,
  ImageDocument,
  NetworkDocument,
  PortBinding,
  VolumeDocument,
} from './documents.ts'

/** The format's version; a reader refuses what it does not know. */
export const manifestVersion = 1

/**
 * A mount of the container. `volume` is one that somebody named, `anonymous` one that the engine made for this container;
 * `shared` comes from another container (`--volumes-from`).
 */
export interface ManifestMount {
  kind: 'volume' | 'anonymous' | 'shared' | 'bind' | 'tmpfs' | 'other'
  destination: string
  /** A volume's name or a path on the engine's host; empty for tmpfs. */
  source: string
  readOnly: boolean
  /** The Docker API's own word for the type. */
  type: string
  volume?: Pick<VolumeDocument, 'Name' | 'Driver' | 'Labels' | 'Options' | 'Scope'>
}

/** An endpoint: `asked` is enough to create it again, `actual` is what the engine made of it. */
export interface ManifestEndpoint {
  network: string
  asked: {
    ipv4?: string
    ipv6?: string
    mac?: string
    aliases: string[]
    links: string[]
    driverOptions: Record<string, string>
    gatewayPriority?: number
  }
  /** Whether `asked.mac` was set, or generated at random, cannot be told of this engine: it is kept. */
  macIsUncertain?: true
  actual: { ipv4: string; ipv6: string; mac: string }
}

/** The portable description of one container: what inspecting shows, sorted into what can be created again and what cannot. */
export interface Manifest {
  version: typeof manifestVersion
  name: string
  id: string
  image: {
    reference: string
    id: string
    architecture: string
    os: string
    layers: string[]
    sizeBytes: number
    repoDigests: string[]
    config: ContainerConfig | null
  }
  /** As inspected; ids of other containers in it are replaced by their names. */
  config: ContainerConfig
  hostConfig: HostConfig
  mounts: ManifestMount[]
  endpoints: ManifestEndpoint[]
  /** The definitions of the networks that the endpoints are on. */
  networks: NetworkDocument[]
  /** Published ports as they are now, also those that the engine chose. */
  ports: Record<string, PortBinding[] | null>
  state: {
    status: string
    running: boolean
    paused: boolean
    startedAt: string
    exitCode: number
    health?: string
  }
  /** The writable layer on the engine's disk, where the storage driver keeps it in a directory (overlay2). */
  writableLayer?: { driver: string; upperDirectory: string }
}

/** Everything that a manifest is made of, as the engine tells it. */
export interface ManifestFacts {
  container: ContainerDocument
  image: ImageDocument
  networks: NetworkDocument[]
  volumes: VolumeDocument[]
  engineVersion: string
  /** Names of other containers by id, for the ids that the container's configuration holds. */
  containerNames: ReadonlyMap<string, string>
}

/** Builds the manifest. Pure; throws nothing. */
export function manifestOf(facts: ManifestFacts): Manifest {
  const { container, image, networks } = facts
  const upper = container.GraphDriver?.Data?.UpperDir
  const { State } = container
  return {
    version: manifestVersion,
    name: container.Name.replace(/^\//, ''),
    id: container.Id,
    image: imageOf(container, image),
    config: container.Config,
    hostConfig: withNames(container.HostConfig, facts),
    mounts: mountsOf(facts),
    endpoints: Object.entries(container.NetworkSettings.Networks).map(([name, endpoint]) =>
      endpointOf(
        facts,
        networks.find(({ Id, Name }) => Id === endpoint.NetworkID || Name === name) ?? { Name: name },
        endpoint,
      ),
    ),
    networks,
    ports: container.NetworkSettings.Ports ?? {},
    state: {
      status: State.Status,
      running: State.Running,
      paused: State.Paused,
      startedAt: State.StartedAt,
      exitCode: State.ExitCode,
      ...(State.Health ? { health: State.Health.Status } : {}),
    },
    ...(upper ? { writableLayer: { driver: container.GraphDriver?.Name ?? '', upperDirectory: upper } } : {}),
  }
}

function imageOf(container: ContainerDocument, image: ImageDocument): Manifest['image'] {
  return {
    reference: container.Config.Image,
    id: container.Image,
    architecture: image.Architecture,
    os: image.Os,
    layers: image.RootFS.Layers ?? [],
    sizeBytes: image.Size,
    repoDigests: image.RepoDigests ?? [],
    config: image.Config,
  }
}

/** `container:<id>` modes and a network given by its id become names: ids mean nothing on another engine. */
function withNames(hostConfig: HostConfig, { containerNames, networks }: ManifestFacts): HostConfig {
  const named = (mode: string | undefined) => {
    const id = mode?.match(/^container:(.+)$/)?.[1]
    return id === undefined ? mode : `container:${containerNames.get(id) ?? id}`
  }
  const network = networks.find(({ Id }) => Id === hostConfig.NetworkMode)
  const result: HostConfig = { ...hostConfig }
  for (const field of ['NetworkMode', 'PidMode', 'IpcMode'] as const) {
    const mode = named(hostConfig[field])
    if (mode !== undefined) result[field] = mode
  }
  if (network) result.NetworkMode = network.Name
  return result
}

/** A link as `CONTAINER:ALIAS`, in which the container may have been given by its id. */
function withName(link: string, containerNames: ReadonlyMap<string, string>): string {
  const [container = '', ...alias] = link.split(':')
  return [containerNames.get(container) ?? container, ...alias].join(':')
}

function mountsOf({ container, volumes }: ManifestFacts): ManifestMount[] {
  const { Binds, Mounts, VolumesFrom, Tmpfs } = container.HostConfig
  const asked = new Set<string>()
  for (const bind of Binds ?? []) asked.add(cleaned(bind.split(':')[1] ?? ''))
  for (const { Source, Target } of Mounts ?? []) if (Source) asked.add(cleaned(Target))
  const declared = [
    ...Object.keys(container.Config.Volumes ?? {}),
    ...(Mounts ?? []).map(({ Target }) => Target),
  ]
  const own = new Set(declared.map(cleaned))
  const kindOf = (type: string, destination: string): ManifestMount['kind'] => {
    if (type === 'bind' || type === 'tmpfs') return type
    if (type !== 'volume') return 'other'
    if (asked.has(destination)) return 'volume'
    return own.has(destination) || !VolumesFrom?.length ? 'anonymous' : 'shared'
  }
  // Engines show them in another order every time.
  const inOrder = container.Mounts.toSorted((a, b) => (a.Destination < b.Destination ? -1 : 1))
  const mounts = inOrder.map((mount): ManifestMount => {
    const volume = volumes.find(({ Name }) => Name === mount.Name)
    const kind = kindOf(mount.Type, mount.Destination)
    return {
      kind,
      type: mount.Type,
      destination: mount.Destination,
      source: mount.Name ?? mount.Source,
      readOnly: !mount.RW,
      ...(volume ? { volume } : {}),
    }
  })
  // `--tmpfs` is not among the engine's mounts, yet its content is lost all the same.
  for (const destination of Object.keys(Tmpfs ?? {})) {
    mounts.push({ kind: 'tmpfs', type: 'tmpfs', destination, source: '', readOnly: false })
  }
  return mounts
}

/** A path as the engine shows it in a mount: users may write `/data/`, the engine says `/data`. */
function cleaned(path: string): string {
  return posix.normalize(path).replace(/(.)\/+$/, '$1')
}

function endpointOf(
  { container, engineVersion, containerNames }: ManifestFacts,
  { Name: network, Driver }: { Name: string; Driver?: string },
  endpoint: EndpointDocument,
): ManifestEndpoint {
  const shortId = container.Id.slice(0, 12)
  const { IPAMConfig, Aliases, Links, DriverOpts, GwPriority, MacAddress } = endpoint
  // Engines up to API 1.51 repeat in Config.MacAddress the address that the user set for the main network, and only that one.
  const mode = container.HostConfig.NetworkMode ?? 'default'
  const main = mode === network || mode === endpoint.NetworkID || (network === 'bridge' && mode === 'default')
  const other = Driver === 'ipvlan' ? undefined : macNotDerived(endpoint)
  const mac = main ? container.Config.MacAddress : other
  return {
    network,
    asked: {
      ...(IPAMConfig?.IPv4Address ? { ipv4: IPAMConfig.IPv4Address } : {}),
      ...(IPAMConfig?.IPv6Address ? { ipv6: IPAMConfig.IPv6Address } : {}),
      ...(mac ? { mac } : {}),
      // Engines before 25 add the short id to the aliases that the user gave.
      aliases: (Aliases ?? []).filter((alias) => alias !== shortId),
      links: (Links ?? []).map((link) => withName(link, containerNames)),
      driverOptions: DriverOpts ?? {},
      ...(GwPriority ? { gatewayPriority: GwPriority } : {}),
    },
    ...(mac && !main && generatesRandomMacs(engineVersion) ? { macIsUncertain: true } : {}),
    actual: {
      ipv4: endpoint.IPAddress ?? '',
      ipv6: endpoint.GlobalIPv6Address ?? '',
      mac: MacAddress ?? '',
    },
  }
}

/** The endpoint's MAC address, unless it is the one that engines before 28 make from the IPv4 address. */
function macNotDerived({ MacAddress, IPAddress }: EndpointDocument): string | undefined {
  const bytes = (IPAddress ?? '').split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  return MacAddress && MacAddress.toLowerCase() !== `02:42:${bytes.join(':')}` ? MacAddress : undefined
}

function generatesRandomMacs(engineVersion: string): boolean {
  return Number.parseInt(engineVersion, 10) >= 28
}

/** Networks that every engine has and nobody can create. */
export function isBuiltInNetwork(name: string): boolean {
  return ['bridge', 'host', 'none', 'default'].includes(name)
}
