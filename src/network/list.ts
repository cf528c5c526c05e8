import type { Engine } from '../engine/engine.ts'
import { agentImageReference, ensureAgentImage } from '../launch/image.ts'
import { messageOf } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { ghostsOn } from './ghosts.ts'
import { findStretched, type KnownNetwork } from './members.ts'
import type { Membership } from './membership.ts'
import { type ProvenLink, proveLinks } from './prove.ts'

/** A stretched network and how it is. */
export interface NetworkState {
  network: string
  vni: number
  /** UDP port between the hosts: WireGuard's where what crosses is encrypted, else VXLAN's. */
  port: number
  members: NetworkMember[]
  links: ProvenLink[]
  /** What does not come through between the members that are there. */
  broken?: string
  encrypted: boolean
}

/** A member of a stretched network. */
export interface NetworkMember {
  engine: string
  state: 'joined' | 'stopped' | 'missing'
  /** Why it is missing. */
  reason?: string
  /** The containers that it has ghosts of. */
  ghosts: string[]
}

/** Looks at the stretched networks that the engines are members of, and measures their links. */
export async function stretchedNetworks(
  engines: readonly Engine[],
  opened: Engine[],
  report: Report,
): Promise<NetworkState[]> {
  const known = await findStretched(engines, opened)
  const states: NetworkState[] = []
  for (const one of known) states.push(await stateOf(one, report))
  return states
}

async function stateOf(
  { network, memberships, missing }: KnownNetwork,
  report: Report,
): Promise<NetworkState> {
  report({ type: 'phase', phase: 'measure', message: `measuring the links of ${network}` })
  const settings = memberships[0]?.record.settings
  const { vni = 0, port = 0, mtuBytes = 0, tunnel } = settings ?? {}
  const engines = memberships.map(({ engine }) => engine)
  const state: NetworkState = {
    network,
    vni,
    port: tunnel?.port ?? port,
    members: [
      ...(await Promise.all(memberships.map(memberOf))),
      ...missing.map(
        ({ engine, reason }): NetworkMember => ({
          engine,
          reason,
          state: 'missing',
          ghosts: [],
        }),
      ),
    ],
    links: [],
    encrypted: tunnel !== undefined,
  }
  try {
    const image = await agentImageReference()
    for (const engine of engines) await ensureAgentImage(engine, engines, report)
    return { ...state, links: await proveLinks({ engines, network, labels: {} }, mtuBytes, image) }
  } catch (error) {
    return { ...state, broken: messageOf(error) }
  }
}

async function memberOf({ engine, network, isRunning }: Membership): Promise<NetworkMember> {
  const ghosts = (await ghostsOn(engine)).filter(({ endpoints }) =>
    endpoints.some((endpoint) => endpoint.network === network),
  )
  return {
    engine: engine.name,
    state: isRunning ? 'joined' : 'stopped',
    ghosts: ghosts.map(({ of }) => of),
  }
}
