import type { Engine } from '../../../src/engine/engine.ts'
import type { ContainerDocument } from '../../../src/model/documents.ts'
import { configurations, image } from './configurations.ts'
import type { Exception } from './documents.ts'
import { docker } from './engines.ts'

/** Names of the differently configured containers. */
export const configured = configurations.map(({ name }) => `t-${name}`)

/** Runs all of them on alpha, and gives what the engine shows of each. */
export async function runConfigured(engine: Engine): Promise<Map<string, ContainerDocument>> {
  for (const { name, args, command, before = [], after = [] } of configurations) {
    for (const words of before) await docker('alpha', ...words)
    const trap = command ?? ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done']
    await docker('alpha', 'run', '-d', '--name', `t-${name}`, ...args, image, ...trap)
    for (const words of after) await docker('alpha', ...words)
  }
  const originals = new Map<string, ContainerDocument>()
  for (const name of configured) originals.set(name, await inspected(engine, name))
  return originals
}

export async function inspected(engine: Engine, name: string): Promise<ContainerDocument> {
  const document = await engine.containers.inspect(name)
  if (!document) throw new Error(`${name} is not on ${engine.name}`)
  return document
}

/** What may differ in this container only, because the engine chose it and the user did not ask for it. */
export function ownExceptions(original: ContainerDocument): Exception[] {
  const allowed: Exception[] = []
  for (const network of Object.keys(original.NetworkSettings.Networks)) {
    const path = `NetworkSettings\\.(Networks\\.${network}\\.)?`
    if (
      !original.Config.MacAddress &&
      !original.NetworkSettings.Networks[network]?.MacAddress?.includes('de:ad')
    ) {
      allowed.push({ path: new RegExp(`^${path}MacAddress$`), why: 'generated, not asked for' })
    }
    if (network === 'bridge') {
      allowed.push({
        path: new RegExp(`^${path}(IPAddress|Gateway|GlobalIPv6Address)$`),
        why: 'the default bridge has no fixed addresses',
      })
    }
  }
  for (const [index, mount] of original.Mounts.entries()) {
    if (mount.Type === 'volume' && /^[0-9a-f]{64}$/.test(mount.Name ?? '')) {
      allowed.push({
        path: new RegExp(`^Mounts\\.${index}\\.(Name|Source)$`),
        why: 'an anonymous volume has a generated name',
      })
    }
  }
  for (const [port, bindings] of Object.entries(original.HostConfig.PortBindings ?? {})) {
    if (bindings?.some(({ HostPort }) => !HostPort || HostPort === '0' || HostPort.includes('-'))) {
      allowed.push({
        path: new RegExp(`^NetworkSettings\\.Ports\\.${port}\\.`),
        why: 'the host port is chosen by the engine',
      })
    }
  }
  if (original.HostConfig.UTSMode === 'host') {
    allowed.push({ path: /^Config\.Hostname$/, why: 'the name of the host' })
  }
  for (const field of ['NetworkMode', 'PidMode', 'IpcMode'] as const) {
    if (original.HostConfig[field]?.startsWith('container:')) {
      allowed.push({ path: new RegExp(`^HostConfig\\.${field}$`), why: 'the id of the other container' })
    }
  }
  return allowed
}

/** Without its short id, which is one of its names on each network, and with its mounts, which come in any order, sorted. */
export function comparable(document: ContainerDocument): ContainerDocument {
  const copy = structuredClone(document)
  const shortId = document.Id.slice(0, 12)
  copy.Mounts.sort((a, b) => a.Destination.localeCompare(b.Destination))
  for (const endpoint of Object.values(copy.NetworkSettings.Networks)) {
    for (const field of ['Aliases', 'DNSNames'] as const) {
      // The original's host name is its short id, which the copy keeps as its host name, and so as a name, beside its own.
      const names = (endpoint[field] ?? []).filter(
        (name) => name !== shortId && name !== document.Config.Hostname,
      )
      endpoint[field] = names.sort()
    }
  }
  return copy
}
