import type { Peer } from '../agent/network/settings.ts'
import type { Engine } from '../engine/engine.ts'
import type { NetworkDocument } from '../model/documents.ts'
import type { Extent, Member } from './extent.ts'
import type { Membership, StretchRecord } from './membership.ts'
import type { Reach } from './reach.ts'
import { type Tunnels, tunnelPeer, tunnelSettings } from './tunnels.ts'

/** What a member's keeper has on record: how it reaches the others, and who they are. */
export function recordFor(
  { network, vni, port, mtuBytes, members, absent }: Extent,
  { engine, document, membership }: Member,
  { Id, Options }: NetworkDocument,
  reaches: readonly Reach[],
  tunnels: Tunnels | undefined,
): StretchRecord {
  const peers = reaches
    .filter(({ from }) => from === engine)
    .map(({ to, address, source }): Peer => {
      const id = to.info.ID
      return { address, from: source, id, ...tunnelPeer(tunnels?.ends.get(id)) }
    })
    .concat(absent.flatMap(({ id }) => peerOnRecord(id, membership, members) ?? []))
    .sort((a, b) => (a.address < b.address ? -1 : 1))
  const bridge = Options?.['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`
  return {
    settings: {
      network,
      bridge,
      vni,
      port,
      peers,
      mtuBytes,
      ...tunnelSettings(tunnels?.ends.get(engine.info.ID)),
    },
    // In the same order on whichever of them it begins, so that nothing looks changed.
    members: members
      .map((member) => ({ engine: member.engine.name, id: member.engine.info.ID }))
      .concat(absent.map(({ engine, id }) => ({ engine, id })))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    madeNetwork: membership?.record.madeNetwork ?? document === undefined,
  }
}

/** Where a member reaches another by its own record. */
export function addressOnRecord({ members }: Extent, from: Engine, to: Engine): string | undefined {
  const { membership } = members.find(({ engine }) => engine === from) ?? {}
  return peerOnRecord(to.info.ID, membership, [])?.address
}

/** How a member is reached, as a keeper has it on record; as any other has it where the own keeper is gone. */
function peerOnRecord(id: string, own: Membership | undefined, members: readonly Member[]): Peer | undefined {
  const records = [own, ...members.map(({ membership }) => membership)]
  return records.flatMap((one) => one?.record.settings.peers ?? []).find((peer) => peer.id === id)
}
