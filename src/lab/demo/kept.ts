import type { Engine } from '../../engine/engine.ts'
import type { ContainerDocument } from '../../model/documents.ts'
import { databaseName, webName } from './application.ts'
import type { VisitorsReport } from './visitors.ts'

/** Something that must be the same all the time: before the moves, between them and afterwards, or promised and found. */
export interface Kept {
  what: string
  values: string[]
  same: boolean
}

/** What a container is known by. */
export type Identity = Record<string, string>

/** Looks at the container that moves. */
export async function identityOf(engine: Engine): Promise<Identity> {
  const container = await engine.containers.inspect(webName)
  const identity: Identity = {}
  for (const [network, endpoint] of Object.entries(container?.NetworkSettings.Networks ?? {})) {
    identity[`address on network ${network}`] = endpoint.IPAddress ?? ''
    identity[`MAC address on network ${network}`] = endpoint.MacAddress ?? ''
    identity[`names on network ${network}`] = (endpoint.Aliases ?? [])
      .filter((alias) => !container?.Id.startsWith(alias))
      .join(' ')
  }
  return {
    ...identity,
    'host name': container?.Config.Hostname ?? '',
    'published ports': publishedPorts(container?.NetworkSettings.Ports),
    'restart policy': container?.HostConfig.RestartPolicy?.Name ?? '',
  }
}

/** The container's ports that the host passes on, `none` where there are none. */
export function publishedPorts(ports: ContainerDocument['NetworkSettings']['Ports']): string {
  const published = Object.entries(ports ?? {}).filter(([, bindings]) => bindings?.length)
  return published.map(([port]) => port).join(' ') || 'none'
}

/** One row for everything in the first of them. */
export function compareIdentity(...identities: Identity[]): Kept[] {
  return Object.keys(identities[0] ?? {}).map((what) =>
    row(
      what,
      identities.map((identity) => identity[what] ?? ''),
    ),
  )
}

/** Compares the session files and the counter in the database with what clients were told. */
export async function compareState(engine: Engine, saw: readonly VisitorsReport[]): Promise<Kept[]> {
  const kept: Kept[] = []
  for (const [visitor, visits] of saw.flatMap((one) => Object.entries(one.visits))) {
    const { output } = await engine.containers.exec(webName, ['cat', `/sessions/${visitor}.json`])
    const onDisk = (JSON.parse(output || '{}') as { visits?: number }).visits ?? 0
    // The last request of a visitor may have been counted without its answer having been awaited.
    kept.push(row(`visits of ${visitor}`, [`${visits}`, `${Math.min(onDisk, visits)}`]))
  }
  const { output } = await engine.containers.exec(databaseName, ['redis-cli', 'get', 'visits'])
  const served = saw.reduce((sum, one) => sum + one.served, 0)
  const counted = Number(output) >= served ? `at least ${served}` : output.trim()
  return [...kept, row('counter in the database', [`at least ${served}`, counted])]
}

function row(what: string, values: string[]): Kept {
  return { what, values, same: values.every((value) => value === values[0]) }
}
