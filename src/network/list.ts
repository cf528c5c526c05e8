import type { Engine } from '../engine/engine.ts'
import { agentImageReference } from '../launch/image.ts'
import { messageOf } from '../model/errors.ts'
import { findStretched, type KnownNetwork } from './members.ts'
import { type ProvenLink, proveLinks } from './prove.ts'

/** A stretched network and how it is. */
export interface NetworkState {
  network: string
  vni: number
  port: number
  members: { engine: string; state: 'joined' | 'stopped' | 'missing'; reason?: string }[]
  links: ProvenLink[]
  /** What does not come through between the members that are there. */
  broken?: string
  encrypted: false
}

/** Looks at the stretched networks that the engines are members of, and measures their links. */
export async function stretchedNetworks(
  engines: readonly Engine[],
  opened: Engine[],
): Promise<NetworkState[]> {
  const known = await findStretched(engines, opened)
  const states: NetworkState[] = []
  for (const one of known) states.push(await stateOf(one))
  return states
}

async function stateOf({ network, memberships, missing }: KnownNetwork): Promise<NetworkState> {
  const { settings } = memberships[0]?.record ?? { settings: { vni: 0, port: 0, mtuBytes: 0 } }
  const members: NetworkState['members'] = [
    ...memberships.map(({ engine, isRunning }) => ({
      engine: engine.name,
      state: isRunning ? ('joined' as const) : ('stopped' as const),
    })),
    ...missing.map(({ engine, reason }) => ({ engine, state: 'missing' as const, reason })),
  ]
  const { vni, port, mtuBytes } = settings
  const state: NetworkState = { network, vni, port, members, links: [], encrypted: false }
  const engines = memberships.map(({ engine }) => engine)
  try {
    const image = await agentImageReference()
    return { ...state, links: await proveLinks(engines, network, mtuBytes, image) }
  } catch (error) {
    return { ...state, broken: messageOf(error) }
  }
}
