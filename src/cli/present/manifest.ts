import type { ChalkInstance } from 'chalk'
import type { Manifest } from '../../model/manifest.ts'
import type { Origin } from '../../model/origins.ts'

/** The manifest as a person reads it: what was asked for first, then what was not. */
export function describeManifest(
  manifest: Manifest,
  origins: readonly Origin[],
  colours: ChalkInstance,
): string {
  const { name, image, state, mounts, endpoints } = manifest
  const heading = (text: string) => ['', colours.bold(text)]
  return [
    `${colours.bold(name)} (${state.status}${state.health ? `, ${state.health}` : ''})`,
    `  image ${image.reference} ${image.id.slice(0, 19)}`,
    ...heading('Mounts'),
    ...mounts.map(
      ({ kind, source, destination, readOnly }) =>
        `  ${kind} ${source ? `${source} → ` : ''}${destination}${readOnly ? ' (read-only)' : ''}`,
    ),
    ...heading('Networks'),
    ...endpoints.map(
      ({ network, actual, asked }) =>
        `  ${network}: ${[actual.ipv4, actual.ipv6, actual.mac, ...asked.aliases].filter(Boolean).join(', ')}${asked.mac ? `; MAC address ${asked.mac} is kept` : ''}`,
    ),
    ...heading('Asked for'),
    ...askedFields(manifest, origins).map(([field, value]) => `  ${field}: ${short(value)}`),
    ...heading('From the image'),
    ...origins
      .filter(({ origin }) => origin === 'image')
      .map(({ field, value }) => `  ${field}: ${short(value)}`),
    ...heading('Given by the engine'),
    ...origins
      .filter(({ origin }) => origin === 'engine')
      .map(({ field, value, why }) => `  ${field}: ${short(value)} (${why})`),
  ].join('\n')
}

/** Fields of Config and HostConfig that hold something and are nobody else's. */
function askedFields({ config, hostConfig }: Manifest, origins: readonly Origin[]): [string, unknown][] {
  const notAsked = new Set(origins.map(({ field }) => field))
  const all = [
    ...Object.entries(config).map(([field, value]) => [`Config.${field}`, value] as [string, unknown]),
    ...Object.entries(hostConfig).map(
      ([field, value]) => [`HostConfig.${field}`, value] as [string, unknown],
    ),
  ]
  return all.filter(([field, value]) => !notAsked.has(field) && !isEmpty(value))
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === 0 || value === false) return true
  if (Array.isArray(value)) return value.length === 0 || value.every((part) => part === 0)
  return typeof value === 'object' && Object.keys(value).length === 0
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 100 ? `${text.slice(0, 97)}…` : text
}
