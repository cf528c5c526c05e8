import type { Manifest } from './manifest.ts'

/** Where a field's value comes from: what the user asked for is never listed. */
export interface Origin {
  /** Path of the field, such as `HostConfig.ShmSize` or `Config.Env: PATH`. */
  field: string
  origin: 'image' | 'engine'
  value: unknown
  why: string
}

/** Values that Docker Engine fills in by itself (Docker Engine API 1.45, `HostConfig`). Zero values need no line here. */
const engineDefaults: Readonly<Record<string, unknown>> = {
  CgroupnsMode: ['host', 'private'],
  IpcMode: ['private', 'shareable'],
  NetworkMode: ['default', 'bridge'],
  Runtime: ['runc'],
  ShmSize: [67_108_864],
}

/** Lists every value in the manifest that the user did not ask for. Pure. */
export function originsOf(manifest: Manifest): Origin[] {
  return [...identityOrigins(manifest), ...configOrigins(manifest), ...hostConfigOrigins(manifest)]
}

function identityOrigins({ id, config, endpoints, mounts }: Manifest): Origin[] {
  const origins: Origin[] = [{ field: 'Id', origin: 'engine', value: id, why: 'generated' }]
  if (config.Hostname && id.startsWith(config.Hostname)) {
    origins.push({ field: 'Config.Hostname', origin: 'engine', value: config.Hostname, why: 'the short id' })
  }
  for (const { network, asked, actual, macIsUncertain } of endpoints) {
    const field = `Networks.${network}`
    if (actual.mac && (!asked.mac || macIsUncertain)) {
      const why = macIsUncertain ? 'generated or set: the engine does not tell, so it is kept' : 'generated'
      origins.push({ field: `${field}.MacAddress`, origin: 'engine', value: actual.mac, why })
    }
    if (!asked.ipv4 && actual.ipv4) {
      origins.push({
        field: `${field}.IPAddress`,
        origin: 'engine',
        value: actual.ipv4,
        why: 'the next free one',
      })
    }
    if (!asked.ipv6 && actual.ipv6) {
      origins.push({
        field: `${field}.GlobalIPv6Address`,
        origin: 'engine',
        value: actual.ipv6,
        why: 'the next free one',
      })
    }
  }
  for (const { kind, destination, source } of mounts) {
    if (kind === 'anonymous') {
      origins.push({
        field: `Mounts.${destination}`,
        origin: 'engine',
        value: source,
        why: 'an anonymous volume',
      })
    }
  }
  return origins
}

function configOrigins({ config, image }: Manifest): Origin[] {
  const fromImage = image.config ?? ({} as Record<string, unknown>)
  const origins: Origin[] = []
  for (const [field, value] of Object.entries(config)) {
    const base = (fromImage as Record<string, unknown>)[field]
    if (isZero(value) || field === 'Image' || field === 'Hostname') continue
    if (equal(value, base)) {
      origins.push({ field: `Config.${field}`, origin: 'image', value, why: 'as in the image' })
      continue
    }
    for (const [name, part] of partsOf(value)) {
      if (new Map(partsOf(base)).get(name) === part) {
        origins.push({
          field: `Config.${field}: ${name}`,
          origin: 'image',
          value: part,
          why: 'as in the image',
        })
      }
    }
  }
  return origins
}

function hostConfigOrigins({ hostConfig }: Manifest): Origin[] {
  const origins: Origin[] = []
  const byDefault = (field: string, value: unknown) =>
    origins.push({ field: `HostConfig.${field}`, origin: 'engine', value, why: 'the default' })
  for (const [field, value] of Object.entries(hostConfig)) {
    const defaults = engineDefaults[field] as unknown[] | undefined
    if (defaults?.includes(value)) byDefault(field, value)
    if ((field === 'MaskedPaths' || field === 'ReadonlyPaths') && Array.isArray(value))
      byDefault(field, value)
    if (field === 'RestartPolicy' && (value as { Name?: string })?.Name === 'no') byDefault(field, value)
    if (field === 'LogConfig' && equal(value, { Type: 'json-file', Config: {} })) byDefault(field, value)
  }
  const { Memory, MemorySwap } = hostConfig as { Memory?: number; MemorySwap?: number }
  if (Memory && MemorySwap === 2 * Memory) byDefault('MemorySwap', MemorySwap)
  return origins
}

/** The named parts of a list of NAME=VALUE lines or of an object, so that each can come from somewhere else. */
function partsOf(value: unknown): [string, unknown][] {
  if (Array.isArray(value)) {
    return value.every((part) => typeof part === 'string' && part.includes('='))
      ? value.map((part: string) => [part.slice(0, part.indexOf('=')), part])
      : []
  }
  return value && typeof value === 'object'
    ? Object.entries(value).map(([name, part]) => [name, JSON.stringify(part)])
    : []
}

function isZero(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
