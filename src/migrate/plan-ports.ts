import type { HostConfig, PortBinding } from '../model/documents.ts'
import type { Manifest } from '../model/manifest.ts'
import type { MigrateOptions, PortMapping } from '../model/plan.ts'

type Ports = Record<string, PortBinding[]>
type Publisher = Pick<Manifest, 'name' | 'id' | 'config' | 'hostConfig'>
type Mappings = Pick<MigrateOptions, 'mapPort'>

/**
 * The ports that a container publishes, as somebody asked for them; one of `-P` may get any host port. None in the network of
 * the host or of another container.
 */
export function publishedPorts({ config, hostConfig }: Pick<Manifest, 'config' | 'hostConfig'>): Ports {
  if (/^(host|none|container:.*)$/.test(hostConfig.NetworkMode ?? '')) return {}
  const asked = Object.entries(hostConfig.PortBindings ?? {}).flatMap(([port, bindings]) =>
    bindings?.length ? [[withProtocol(port), bindings] as const] : [],
  )
  const exposed = hostConfig.PublishAllPorts ? Object.keys(config.ExposedPorts ?? {}) : []
  return { ...Object.fromEntries(exposed.map((port) => [port, [{}]])), ...Object.fromEntries(asked) }
}

/** The ports for which there are mappings, with what they ask for. Without a host address those of the original stay. */
export function mappedPorts(container: Publisher, { mapPort = [] }: Mappings): Ports {
  const mapped: Ports = {}
  for (const [port, bindings] of Object.entries(publishedPorts(container))) {
    const wanted = mapPort.filter((mapping) => mapping.port === port && isFor(mapping, container))
    const all = wanted.flatMap(({ hostIp, hostPort }) => {
      const addresses = hostIp ? [hostIp] : bindings.map(({ HostIp = '' }) => HostIp)
      return [...new Set(addresses)].map((HostIp) => ({ HostIp, HostPort: hostPort }))
    })
    if (all.length > 0) mapped[port] = all
  }
  return mapped
}

/** Where a container's ports are published on the target: as they were, unless a mapping says otherwise. */
export function portsOnTarget(container: Publisher, options: Mappings): Ports {
  return { ...publishedPorts(container), ...mappedPorts(container, options) }
}

/** What an engine is asked to publish: what it was asked for, but for the ports that are mapped. */
export function withMapped(
  asked: HostConfig['PortBindings'],
  mapped: Readonly<Record<string, PortBinding[]>>,
): HostConfig['PortBindings'] {
  if (Object.keys(mapped).length === 0) return asked
  const kept = Object.entries(asked ?? {}).filter(([port]) => !Object.hasOwn(mapped, withProtocol(port)))
  return { ...Object.fromEntries(kept), ...mapped }
}

/** Whether a mapping means a container, or any that publishes the port. */
export function isFor({ container }: PortMapping, { name, id }: Pick<Manifest, 'name' | 'id'>): boolean {
  return container === undefined || container === name || container === id
}

/** The key under which ports are known; the API takes it without the protocol too. */
function withProtocol(port: string): string {
  return port.includes('/') ? port : `${port}/tcp`
}

/** A port of one address of the host is not the same port of another host. */
export function isOnAllAddresses({ HostIp = '' }: PortBinding): boolean {
  return ['', '0.0.0.0', '::', '[::]'].includes(HostIp)
}
