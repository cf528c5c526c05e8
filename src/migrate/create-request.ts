import type { ContainerConfig, HostConfig, PortBinding } from '../model/documents.ts'
import { isBuiltInNetwork, type Manifest, type ManifestEndpoint } from '../model/manifest.ts'
import { withMapped } from './plan-ports.ts'

/** What it takes to create a container from its manifest. */
export interface CreateRequest {
  request: Record<string, unknown>
  connections: { network: string; endpoint: Record<string, unknown> }[]
}

/** What differs on the engine where the container is created. */
export interface CreateSettings {
  /** Reference or id to create from. */
  image: string
  labels: Record<string, string>
  mapNetwork: Readonly<Record<string, string>>
  /** Networks on which the container has the MAC address that it has now, whoever chose it: neighbours know it. */
  keepMacOn: readonly string[]
  /** Networks of the source in which no MAC address can be asked for on that engine. */
  withoutMac: readonly string[]
  /** What the source's host calls itself: a container in its network has that name unless it was given one. */
  sourceHostName: string
  /** Ports that are published otherwise than the manifest says. */
  mappedPorts: Readonly<Record<string, PortBinding[]>>
  /** The version of the API that is spoken with that engine. */
  apiVersion: string
}

/**
 * Turns a manifest into the body of `POST /containers/create` and the endpoints to connect afterwards. Restarts are off:
 * an engine may start a created container with a restart policy when its daemon starts, and the source may still run.
 */
export function createRequest(manifest: Manifest, settings: CreateSettings): CreateRequest {
  const target = (network: string) => settings.mapNetwork[network] ?? network
  const hostConfig: HostConfig = {
    ...manifest.hostConfig,
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  }
  delete hostConfig.ContainerIDFile
  hostConfig.PortBindings = withMapped(hostConfig.PortBindings, settings.mappedPorts)
  const mode = hostConfig.NetworkMode ?? 'default'
  hostConfig.NetworkMode = target(mode)
  const main = manifest.endpoints.find(({ network }) => isMainNetwork(mode, network))
  const others = manifest.endpoints.filter(
    (endpoint) => endpoint !== main && !['host', 'none'].includes(endpoint.network),
  )
  const requests = others.map((endpoint) => ({
    network: target(endpoint.network),
    endpoint: endpointRequest(endpoint, settings),
  }))
  const atOnce = takesAllEndpoints(settings.apiVersion) ? requests : []
  const endpoints: Record<string, object> = Object.fromEntries(
    atOnce.map(({ network, endpoint }) => [network, endpoint]),
  )
  if (main && !isBuiltInNetwork(main.network))
    endpoints[target(main.network)] = endpointRequest(main, settings)
  // Who names any endpoints has to name the main one too.
  else if (main && atOnce.length > 0) endpoints[main.network] = {}
  return {
    request: {
      ...configRequest(manifest, settings),
      HostConfig: hostConfig,
      NetworkingConfig: { EndpointsConfig: endpoints },
    },
    connections: atOnce.length > 0 ? [] : requests,
  }
}

/** Before API 1.44 an engine takes one endpoint only when it creates a container, and MAC addresses on no other. */
export function takesAllEndpoints(apiVersion: string): boolean {
  return apiVersion.localeCompare('1.44', 'en', { numeric: true }) >= 0
}

function isMainNetwork(mode: string, network: string): boolean {
  return mode === network || (mode === 'default' && network === 'bridge')
}

function configRequest({ config, image, hostConfig }: Manifest, settings: CreateSettings): ContainerConfig {
  const request: ContainerConfig = {
    ...config,
    Image: settings.image,
    Labels: { ...config.Labels, ...settings.labels },
  }
  // A command line without the image's entrypoint was asked for with an empty one; null would bring the image's back.
  if (!config.Entrypoint?.length && image.config?.Entrypoint?.length) request.Entrypoint = ['']
  const mode = hostConfig.NetworkMode ?? ''
  if (settings.withoutMac.includes(mode)) delete request.MacAddress
  if (mode.startsWith('container:')) {
    // These belong to the container whose network is joined; engines refuse to be told them twice.
    delete request.Hostname
    delete request.Domainname
    delete request.ExposedPorts
    delete request.MacAddress
  }
  const isOfHost = mode === 'host' && config.Hostname === settings.sourceHostName
  // Engines refuse a name beside the host's own.
  if (isOfHost || hostConfig.UTSMode === 'host') delete request.Hostname
  return request
}

function endpointRequest(
  { network, asked, actual }: ManifestEndpoint,
  { keepMacOn, withoutMac }: CreateSettings,
): Record<string, unknown> {
  // The default bridge has no fixed addresses; asking for one is an error there.
  const fixed = !isBuiltInNetwork(network)
  const ipv4 = asked.ipv4 ?? (fixed ? actual.ipv4 : '')
  const mac = asked.mac ?? (keepMacOn.includes(network) ? actual.mac : '')
  const ipv6 = asked.ipv6 ?? (fixed ? actual.ipv6 : '')
  return {
    IPAMConfig: {
      ...(ipv4 ? { IPv4Address: ipv4 } : {}),
      ...(ipv6 ? { IPv6Address: ipv6 } : {}),
    },
    Aliases: asked.aliases,
    Links: asked.links,
    DriverOpts: asked.driverOptions,
    ...(mac && !withoutMac.includes(network) ? { MacAddress: mac } : {}),
    ...(asked.gatewayPriority ? { GwPriority: asked.gatewayPriority } : {}),
  }
}
