import { bridge } from '../drivers/network/bridge.ts'
import type { EngineSurroundings, NetworkDriver } from '../drivers/network/driver.ts'
import { driverOf } from '../drivers/network/drivers.ts'
import { stretch } from '../drivers/network/stretch.ts'
import type { NetworkDocument } from '../model/documents.ts'
import type { MigrateOptions } from '../model/plan.ts'
import type { EngineFacts, Facts, HostFacts } from './facts.ts'

/** What a network of the source is on the target. */
export interface TargetNetwork {
  name: string
  /** The user has said that this one is to be used. */
  isMapped: boolean
  /** Absent where it has to be made. */
  there?: NetworkDocument
  /** The driver of the one that is used or made; undefined for a kind that nothing is known of. */
  driver?: NetworkDriver
}

/** Finds out what becomes of a network. Pure. */
export function targetNetwork(
  { targetNetworks, stretched }: Facts,
  { mapNetwork, stretch: isAsked }: MigrateOptions,
  network: NetworkDocument,
): TargetNetwork {
  const isMapped = Object.hasOwn(mapNetwork, network.Name)
  const name = (isMapped ? mapNetwork[network.Name] : undefined) ?? network.Name
  const there = targetNetworks.find(({ Name }) => Name === name)
  const kind = driverOf((isMapped ? there : undefined) ?? network)
  const isStretched = kind === bridge && !isMapped && (isAsked || stretched.includes(name))
  const driver = isStretched ? stretch : kind
  return { name, isMapped, ...(there ? { there } : {}), ...(driver ? { driver } : {}) }
}

/** An engine as drivers see it. */
export function surroundings({ name, swarm }: EngineFacts, host: HostFacts | undefined): EngineSurroundings {
  return { name, swarm, ...(host ? { host } : {}) }
}
