import type { Manifest } from '../../model/manifest.ts'
import type { MigrateOptions, PortMapping } from '../../model/plan.ts'
import type { Facts } from '../facts.ts'
import { isFor, mappedPorts, portsOnTarget, publishedPorts } from '../plan-ports.ts'
import { type Check, type Finder, findings } from './check.ts'
import { isWildcard } from './ports.ts'

/** Every `--map-port` means one published port, and no two ports are to be published in the same place. */
export const checkPortMappings: Check = (facts, options) => {
  const found = findings()
  for (const mapping of options.mapPort ?? []) checkMapping(facts, mapping, found)
  const places = facts.manifests.flatMap((manifest) => placesOf(manifest, options))
  for (const [index, place] of places.entries()) {
    const other = places.slice(index + 1).find((one) => isClash(place, one))
    if (!other) continue
    const { container, port } = place.isMapped ? place : other
    found.refuse(
      'port-mapped-twice',
      `Port ${place.hostPort}/${place.protocol} of ${facts.target.name} would be that of ${place.container}'s ${place.port} and of ${other.container}'s ${other.port}.`,
      `Give one of them another port: --map-port ${container}:${port}=HOST_PORT`,
    )
  }
  return found
}

function checkMapping({ manifests, source }: Facts, mapping: PortMapping, found: Finder): void {
  const meant = manifests.filter((manifest) => isFor(mapping, manifest))
  const publishers = meant.filter((manifest) => Object.hasOwn(publishedPorts(manifest), mapping.port))
  if (publishers.length === 1) return
  if (publishers.length > 1) {
    found.refuse(
      'port-ambiguous',
      `${publishers.map(({ name }) => name).join(' and ')} publish ${mapping.port}: --map-port has to say whose is meant.`,
      ...publishers.map(({ name }) => `Name the container: --map-port ${name}:${wordsOf(mapping)}`),
    )
    return
  }
  const who = mapping.container ?? manifests.map(({ name }) => name).join(', ')
  if (meant.length === 0) {
    found.refuse(
      'no-such-port',
      `--map-port names ${who}, which is not among these containers.`,
      `They are: ${manifests.map(({ name }) => name).join(', ')}.`,
    )
    return
  }
  const ports = meant.map((manifest) => describePorts(manifest)).join(' ')
  found.refuse('no-such-port', `${who} publishes no ${mapping.port} on ${source.name}.`, ports)
}

function describePorts(manifest: Manifest): string {
  const ports = Object.keys(publishedPorts(manifest))
  return `${manifest.name} publishes ${ports.length > 0 ? ports.join(', ') : 'no ports'}.`
}

function wordsOf({ port, hostIp, hostPort }: PortMapping): string {
  const address = hostIp?.includes(':') ? `[${hostIp}]:` : hostIp ? `${hostIp}:` : ''
  return `${port}=${address}${hostPort}`
}

/** Where one port is published. */
interface Place {
  container: string
  port: string
  protocol: string
  address: string
  hostPort: string
  isMapped: boolean
}

function placesOf(manifest: Manifest, options: MigrateOptions): Place[] {
  const mapped = mappedPorts(manifest, options)
  return Object.entries(portsOnTarget(manifest, options)).flatMap(([port, bindings]) =>
    bindings.map(({ HostIp = '', HostPort = '' }) => ({
      container: manifest.name,
      port,
      protocol: port.split('/')[1] ?? 'tcp',
      address: HostIp,
      hostPort: HostPort,
      isMapped: Object.hasOwn(mapped, port),
    })),
  )
}

/** What nobody mapped was together on the source. */
function isClash(a: Place, b: Place): boolean {
  return (
    (a.isMapped || b.isMapped) &&
    a.hostPort === b.hostPort &&
    a.protocol === b.protocol &&
    overlaps(a.address, b.address)
  )
}

function overlaps(a: string, b: string): boolean {
  if (a === b || a === '' || b === '') return true
  return a.includes(':') === b.includes(':') && (isWildcard(a) || isWildcard(b))
}
