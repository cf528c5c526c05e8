import type { NetworkDocument } from '../../model/documents.ts'
import type { Refusal, Warning } from '../../model/plan.ts'
import type { SwarmMembership } from './swarm.ts'

/** What a kind of network can do. The planner goes by this and never by a driver's name. */
export interface NetworkTraits {
  /** From where an address in the network is reached: the engine that it is on, its local network, or every engine. */
  reach: 'engine' | 'lan' | 'cluster'
  /** A network of that name and definition on another engine is the same network: it is joined without being asked for. */
  spansEngines: boolean
  /** Containers on other engines find a container in the network by its name and aliases. */
  namesSpanEngines: boolean
  /** Endpoints have a MAC address of their own, which can be asked for. */
  keepsMac: boolean
  /** It lies on an interface of the engine's host, which the user may name anew for the target. */
  needsParent: boolean
  /** Neighbours remember where an address was: they are told when the container has started elsewhere. */
  announces: boolean
  /** Addresses are given out for all engines together: one is free only once its holder has stopped. */
  sharesAddresses: boolean
}

/** An engine, as far as drivers go by it. */
export interface EngineSurroundings {
  name: string
  swarm: SwarmMembership
  /** Absent until an agent has looked. `modules`: undefined where it cannot be told whether the kernel has one. */
  host?: { interfaces: readonly string[]; modules: Readonly<Record<string, boolean | undefined>> }
}

/** What a driver may know when it looks for obstacles. */
export interface Surroundings {
  source: EngineSurroundings
  target: EngineSurroundings
  /** The network is on the target already, and is used. */
  isThere: boolean
  /** The interface of the target's host that the user named for it. */
  parent?: string
}

/** What stands in the way of a network, and what the user should know of it. Both empty: nothing. */
export interface Obstacles {
  refusals: Refusal[]
  warnings: Warning[]
}

/** What may differ in a network that is made again on the target. */
export interface RequestSettings {
  labels: Record<string, string>
  parent?: string
}

/** One kind of network. Everything in it is pure. `test/contracts/network.ts` holds it to its traits on real engines. */
export interface NetworkDriver {
  name: string
  traits: NetworkTraits
  /** What it needs of the kernel, where not every engine's has it. */
  kernelModule?: string
  /** Whether this network is of its kind. */
  takes(network: NetworkDocument): boolean
  /** The body of `POST /networks/create` on the target; undefined where a network can only be joined. */
  request(network: NetworkDocument, settings: RequestSettings): Record<string, unknown> | undefined
  /** In which parts two networks differ, in words for a message; none: they treat a container alike. */
  differences(a: NetworkDocument, b: NetworkDocument): string[]
  /** Why the network cannot be had on the target, or not as it was. */
  obstacles(network: NetworkDocument, surroundings: Surroundings): Obstacles
}

/** Nothing stands in the way. */
export const noObstacles = (): Obstacles => ({ refusals: [], warnings: [] })
