import type { HostConfig } from '../../model/documents.ts'
import { isBuiltInNetwork, type Manifest, type ManifestEndpoint } from '../../model/manifest.ts'

/** `keep`: everything as it was. `new`: addresses, MAC, host name, ports, volumes and networks of its own. */
export type Identity = 'keep' | 'new'

const composeLabel = /^com\.docker\.compose\./

/** How the things of a snapshot are called where they are restored. Whatever is not in a map keeps its name. */
export interface Renaming {
  containers: ReadonlyMap<string, string>
  volumes: ReadonlyMap<string, string>
  networks: ReadonlyMap<string, string>
}

/** New names for everything that a copy must not share: each thing's own, behind the name of its container. */
export function renamingFor(
  manifests: readonly Manifest[],
  names: ReadonlyMap<string, string>,
  identity: Identity,
  mapped: { volumes: Readonly<Record<string, string>>; networks: Readonly<Record<string, string>> },
): Renaming {
  const volumes = new Map(Object.entries(mapped.volumes))
  const networks = new Map(Object.entries(mapped.networks))
  if (identity === 'new') {
    for (const { name, mounts, networks: definitions } of manifests) {
      const prefix = names.get(name) ?? name
      for (const { kind, source } of mounts) {
        if (kind === 'volume' && !volumes.has(source)) volumes.set(source, `${prefix}-${source}`)
      }
      for (const { Name } of definitions) {
        if (!isBuiltInNetwork(Name) && !networks.has(Name)) networks.set(Name, `${prefix}-${Name}`)
      }
    }
  }
  return { containers: names, volumes, networks }
}

/** A manifest with its things renamed and, for a new identity, without what only one container can have. */
export function withIdentity(manifest: Manifest, renaming: Renaming, identity: Identity): Manifest {
  const isNew = identity === 'new'
  const { containers, volumes, networks } = renaming
  const name = containers.get(manifest.name) ?? manifest.name
  const config = { ...manifest.config }
  if (isNew) {
    delete config.Hostname
    delete config.Domainname
    delete config.MacAddress
    config.Labels = withoutCompose(config.Labels)
  }
  return {
    ...manifest,
    name,
    config,
    hostConfig: renamed(manifest.hostConfig, renaming, isNew),
    mounts: manifest.mounts.map((mount) => ({
      ...mount,
      source: volumes.get(mount.source) ?? mount.source,
      ...(mount.volume
        ? {
            volume: {
              ...mount.volume,
              Name: volumes.get(mount.volume.Name) ?? mount.volume.Name,
              ...(isNew ? { Labels: withoutCompose(mount.volume.Labels) } : {}),
            },
          }
        : {}),
    })),
    endpoints: manifest.endpoints.map((endpoint) => endpointOf(endpoint, manifest.name, renaming, isNew)),
    networks: manifest.networks.map((network) => ({
      ...network,
      Name: networks.get(network.Name) ?? network.Name,
      ...(isNew && network.Driver === 'bridge' ? { IPAM: { ...network.IPAM, Config: [] } } : {}),
      ...(isNew ? { Labels: withoutCompose(network.Labels) } : {}),
    })),
  } as Manifest
}

function endpointOf(
  endpoint: ManifestEndpoint,
  container: string,
  { containers, networks }: Renaming,
  isNew: boolean,
): ManifestEndpoint {
  const { asked } = endpoint
  const links = asked.links.map((link) => {
    const [other = '', ...alias] = link.split(':')
    return [containers.get(other) ?? other, ...alias].join(':')
  })
  const network = networks.get(endpoint.network) ?? endpoint.network
  if (!isNew) return { ...endpoint, network, asked: { ...asked, links } }
  const { ipv4: _ipv4, ipv6: _ipv6, mac: _mac, ...rest } = asked
  // Those that come along know it by the name that it had.
  const aliases = isBuiltInNetwork(network) ? asked.aliases : [...new Set([...asked.aliases, container])]
  return { ...endpoint, network, asked: { ...rest, links, aliases }, actual: { ipv4: '', ipv6: '', mac: '' } }
}

function renamed(
  hostConfig: HostConfig,
  { containers, volumes, networks }: Renaming,
  isNew: boolean,
): HostConfig {
  const result: HostConfig = { ...hostConfig }
  const mode = (value: string | undefined) => {
    const other = value?.match(/^container:(.+)$/)?.[1]
    if (other !== undefined) return `container:${containers.get(other) ?? other}`
    return value === undefined ? value : (networks.get(value) ?? value)
  }
  for (const field of ['NetworkMode', 'PidMode', 'IpcMode'] as const) {
    const value = mode(hostConfig[field])
    if (value !== undefined) result[field] = value
  }
  if (hostConfig.Binds) {
    result.Binds = hostConfig.Binds.map((bind) => {
      const [source = '', ...rest] = bind.split(':')
      return [volumes.get(source) ?? source, ...rest].join(':')
    })
  }
  if (hostConfig.Mounts) {
    result.Mounts = hostConfig.Mounts.map((mount) => ({
      ...mount,
      ...(mount.Source ? { Source: volumes.get(mount.Source) ?? mount.Source } : {}),
    }))
  }
  if (hostConfig.Links) {
    result.Links = hostConfig.Links.map((link) => {
      const [other = '', alias = ''] = link.split(':').map((part) => part.split('/').at(-1) ?? '')
      return `${containers.get(other) ?? other}:${alias || other}`
    })
  }
  if (hostConfig.VolumesFrom) {
    result.VolumesFrom = hostConfig.VolumesFrom.map((from) => {
      const [other = '', ...rest] = from.split(':')
      return [containers.get(other) ?? other, ...rest].join(':')
    })
  }
  if (isNew && hostConfig.PortBindings) {
    result.PortBindings = Object.fromEntries(
      Object.entries(hostConfig.PortBindings).map(([port, bindings]) => [
        port,
        bindings?.map((binding) => ({ ...binding, HostPort: '' })) ?? null,
      ]),
    )
  }
  return result
}

function withoutCompose(labels: Record<string, string> | null | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(labels ?? {}).filter(([label]) => !composeLabel.test(label)))
}
