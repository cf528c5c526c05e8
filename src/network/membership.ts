import type { StretchSettings } from '../agent/network/vxlan.ts'
import type { Engine } from '../engine/engine.ts'
import { roleLabel } from '../model/plan.ts'

/** The network whose link a keeper keeps. */
export const networkLabel = 'wherry.network'
/** What the keeper was told, and who the other members are, as JSON. */
const recordLabel = 'wherry.stretch'

/** What every member's keeper has on record. */
export interface StretchRecord {
  settings: StretchSettings
  /** All members, this one included: how the engine was called when it joined, and its id. */
  members: { engine: string; id: string }[]
  /** The network was made by wherry when this engine joined. */
  madeNetwork: boolean
}

/** One engine's part in a stretched network. */
export interface Membership {
  engine: Engine
  network: string
  containerId: string
  isRunning: boolean
  record: StretchRecord
  labels: Record<string, string>
}

export const keeperRole = 'stretch'

/** A keeper's name: there is one for each network of an engine. */
export function keeperName(network: string): string {
  return `wherry-stretch-${network}`
}

export function keeperLabels(network: string, record: StretchRecord): Record<string, string> {
  return { [roleLabel]: keeperRole, [networkLabel]: network, [recordLabel]: JSON.stringify(record) }
}

/** The stretched networks that an engine is a member of, or the one of that name. */
export async function membershipsOn(engine: Engine, network?: string): Promise<Membership[]> {
  const labels = [`${roleLabel}=${keeperRole}`, ...(network ? [`${networkLabel}=${network}`] : [])]
  const keepers = await engine.containers.list({ labels })
  return keepers.map(({ Id, State, Labels }) => ({
    engine,
    network: Labels[networkLabel] ?? '',
    containerId: Id,
    isRunning: State === 'running',
    record: JSON.parse(Labels[recordLabel] ?? '{}') as StretchRecord,
    labels: Labels,
  }))
}
