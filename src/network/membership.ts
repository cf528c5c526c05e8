import { keyVariable, type StretchSettings, settingsFrom } from '../agent/network/settings.ts'
import type { Engine } from '../engine/engine.ts'
import { roleLabel } from '../model/plan.ts'

/** The network whose link a keeper keeps. */
export const networkLabel = 'wherry.network'
/** What the keeper was told, and who the other members are, as JSON. */
const recordLabel = 'wherry.stretch'

/** A member as the others have it on record: how the engine was called when it joined, and its id. */
export interface RecordedMember {
  engine: string
  id: string
}

/** What every member's keeper has on record. */
export interface StretchRecord {
  settings: StretchSettings
  /** All members, this one included. */
  members: RecordedMember[]
  /** The network was made by wherry when this engine joined. */
  madeNetwork: boolean
}

/** One engine's part in a stretched network. */
export interface Membership {
  engine: Engine
  network: string
  containerId: string
  /** What the keeper was made from. */
  image: string
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

/**
 * The stretched networks that an engine is a member of, or the one of that name. Keepers whose record cannot be read, or holds what
 * no record of ours can, are left out.
 */
export async function membershipsOn(engine: Engine, network?: string): Promise<Membership[]> {
  const labels = [`${roleLabel}=${keeperRole}`, ...(network ? [`${networkLabel}=${network}`] : [])]
  const keepers = await engine.containers.list({ labels })
  return keepers.flatMap(({ Id, Image, State, Labels }) => {
    const record = recordFrom(Labels[recordLabel] ?? '')
    if (!record || record.settings.network !== Labels[networkLabel]) return []
    return {
      engine,
      network: record.settings.network,
      containerId: Id,
      image: Image,
      isRunning: State === 'running',
      record,
      labels: Labels,
    }
  })
}

/** The private key of a keeper's tunnel, undefined where it has none. */
export async function tunnelKeyOf({ engine, containerId, record }: Membership): Promise<string | undefined> {
  if (!record.settings.tunnel) return undefined
  const variables = (await engine.containers.inspect(containerId))?.Config.Env ?? []
  return variables.find((one) => one.startsWith(`${keyVariable}=`))?.slice(keyVariable.length + 1)
}

/** The same record when some members, by the ids of their engines, are none any more. */
export function withoutMembers(record: StretchRecord, ids: readonly string[]): StretchRecord {
  const { settings, members } = record
  const peers = settings.peers.filter(({ id }) => id === undefined || !ids.includes(id))
  return {
    ...record,
    settings: { ...settings, peers },
    members: members.filter(({ id }) => !ids.includes(id)),
  }
}

/** What a label says, undefined where it is not a record as it must be. */
function recordFrom(label: string): StretchRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(label)
  } catch {
    return undefined
  }
  const { settings: given, members, madeNetwork } = (value ?? {}) as Record<string, unknown>
  const settings = settingsFrom(given)
  if (!settings || typeof madeNetwork !== 'boolean' || !Array.isArray(members)) return undefined
  const valid = members.flatMap((member) => {
    const { engine, id } = (member ?? {}) as Record<string, unknown>
    return typeof engine === 'string' && typeof id === 'string' ? { engine, id } : []
  })
  return valid.length === members.length ? { settings, members: valid, madeNetwork } : undefined
}
