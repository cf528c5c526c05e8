import type { Peer } from '../agent/network/settings.ts'
import { networkRequest } from '../drivers/network/definition.ts'
import { firstAddress } from '../drivers/network/subnets.ts'
import type { Engine } from '../engine/engine.ts'
import { ensureAgentImage, ensureNetworkImage } from '../launch/image.ts'
import type { NetworkDocument } from '../model/documents.ts'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { defaultPort, type Extent, type Member, planExtent } from './extent.ts'
import { assertJoined, lastWords, placeKeeper, putBack, type Undo } from './keepers.ts'
import type { Membership, RecordedMember, StretchRecord } from './membership.ts'
import { type ProvenLink, proveLinks } from './prove.ts'
import { describeWithoutTunnel, type Reach, type Survey, surveyHosts } from './reach.ts'
import { type Encryption, planTunnels, type TunnelEnd, tunnelPeer, tunnelSettings } from './tunnels.ts'

export interface StretchRequest {
  network: string
  /** At least two with the absent ones, and all members that the network has already. */
  engines: readonly Engine[]
  /** Members that do not answer now: what is on record of them stays. */
  absent?: readonly RecordedMember[]
  /** UDP port between the hosts, where it is not to be the usual one. */
  port?: number | undefined
  encryption: Encryption
  /** Labels for what is new, beside those by which it is found again. */
  labels: Record<string, string>
  report: Report
}

/** A network that is one L2 segment on several engines. */
export interface StretchedNetwork {
  network: string
  vni: number
  /** UDP port between the hosts: WireGuard's where what crosses is encrypted, else VXLAN's. */
  port: number
  members: { engine: string; madeNetwork: boolean; ranges: string[] }[]
  links: ProvenLink[]
  /** Else what crosses can be read and changed on the way between the hosts. */
  encrypted: boolean
  /** Why it is not encrypted, in the words of hosts that cannot. */
  notEncryptedBecause?: string
}

/**
 * Joins the networks of one name on several engines into one L2 segment, and makes it where it is missing. Shown to carry
 * the network's packets before it returns; on failure everything is put back. Fine if it is stretched already.
 * @throws RefusedError where it cannot be, WherryError `hosts-apart`, `not-joined` or `link-broken` where packets do not come
 * through.
 */
export async function stretchNetwork(request: StretchRequest): Promise<StretchedNetwork> {
  const { engines, network, report } = request
  const names = engines.map(({ name }) => name).join(', ')
  report({ type: 'phase', phase: 'stretch', message: `stretching ${network} between ${names}` })
  const planned = await planExtent(network, engines, request.port, request.absent)
  const images = await bringImages(request)
  const onRecord = (from: Engine, to: Engine) => addressOnRecord(planned, from, to)
  const survey = await surveyHosts(engines, images.network, request.labels, onRecord)
  const tunnels = await planTunnels(planned, request, survey)
  const extent = tunnels ? withinTunnel(planned, tunnels) : planned
  const undo: Undo[] = []
  try {
    for (const member of extent.members) {
      const document = await ensureNetwork(extent, member, request, undo)
      const record = recordFor(extent, member, document, survey.reaches, tunnels)
      const { engine, membership } = member
      const { labels } = request
      const tunnelKey = tunnels?.get(engine.info.ID)?.privateKey
      await placeKeeper({ engine, image: images.network, record, labels, tunnelKey }, membership, undo)
    }
    for (const engine of engines) await assertJoined(engine, network)
    const links = await proveLinks(request, extent.mtuBytes, images.agent)
    return describe(extent, links, tunnels, survey)
  } catch (error) {
    const said = await sayings(extent)
    const left = await putBack(undo)
    throw explain(error, extent, said, left)
  }
}

async function bringImages({ engines, report }: StretchRequest): Promise<{ network: string; agent: string }> {
  let references = { network: '', agent: '' }
  for (const engine of engines) {
    const others = engines.filter((other) => other !== engine)
    const network = await ensureNetworkImage(engine, others, report)
    const agent = await ensureAgentImage(engine, others, report)
    references = { network: network.reference, agent: agent.reference }
  }
  return references
}

/** The network on a member's engine: there already, or made now with the member's own ranges of addresses. */
async function ensureNetwork(
  { definition, network }: Extent,
  { engine, document, ranges }: Member,
  { labels }: StretchRequest,
  undo: Undo[],
): Promise<NetworkDocument> {
  if (document) return document
  const body = networkRequest(definition, labels)
  const pools = (definition.IPAM.Config ?? []).map((pool, index) => ({
    ...pool,
    // Spelled out, for an engine would take it from the range, and it is the same everywhere.
    Gateway: pool.Gateway || firstAddress(pool.Subnet ?? ''),
    IPRange: ranges[index],
  }))
  const id = await engine.networks.create({ ...body, IPAM: { ...(body.IPAM as object), Config: pools } })
  undo.push(() => engine.networks.remove(id))
  const made = await engine.networks.inspect(id)
  if (!made)
    throw new WherryError('network-gone', exitCodes.unexpected, `${network} vanished from ${engine.name}.`)
  return made
}

function recordFor(
  { network, vni, port, mtuBytes, members, absent }: Extent,
  { engine, document, membership }: Member,
  { Id, Options }: NetworkDocument,
  reaches: readonly Reach[],
  tunnels: Tunnels,
): StretchRecord {
  const peers = reaches
    .filter(({ from }) => from === engine)
    .map(({ to, address, source }): Peer => {
      const id = to.info.ID
      return { address, from: source, id, ...tunnelPeer(tunnels?.get(id)) }
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
      ...tunnelSettings(tunnels?.get(engine.info.ID)),
    },
    // In the same order on whichever of them it begins, so that nothing looks changed.
    members: members
      .map((member) => ({ engine: member.engine.name, id: member.engine.info.ID }))
      .concat(absent.map(({ engine, id }) => ({ engine, id })))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    madeNetwork: membership?.record.madeNetwork ?? document === undefined,
  }
}

/** The members' ends of the tunnels by the ids of their engines, where what crosses is encrypted. */
type Tunnels = ReadonlyMap<string, TunnelEnd> | undefined

/** A new network within tunnels: its VXLAN has the usual port there, whatever is between the hosts. */
function withinTunnel(extent: Extent, tunnels: ReadonlyMap<string, TunnelEnd>): Extent {
  if (extent.members.some(({ membership }) => membership)) return extent
  const isTaken = [...tunnels.values()].some((end) => end.port === defaultPort)
  return { ...extent, port: isTaken ? defaultPort + 1 : defaultPort }
}

function addressOnRecord({ members }: Extent, from: Engine, to: Engine): string | undefined {
  const { membership } = members.find(({ engine }) => engine === from) ?? {}
  return peerOnRecord(to.info.ID, membership, [])?.address
}

/** How a member is reached, as a keeper has it on record; as any other has it where the own keeper is gone. */
function peerOnRecord(id: string, own: Membership | undefined, members: readonly Member[]): Peer | undefined {
  const records = [own, ...members.map(({ membership }) => membership)]
  return records.flatMap((one) => one?.record.settings.peers ?? []).find((peer) => peer.id === id)
}

/** What the keepers say: they know why a link was not made. */
function sayings({ members, network }: Extent): Promise<string[]> {
  return Promise.all(
    members.map(async ({ engine }) => {
      const said = await lastWords(engine, network).catch(messageOf)
      return `${engine.name} says: ${said}`
    }),
  )
}

function explain(error: unknown, { network }: Extent, said: string[], left: readonly string[]): unknown {
  const isOfLink = error instanceof WherryError && ['link-broken', 'not-joined'].includes(error.code)
  if (!isOfLink && left.length === 0) return error
  const code = error instanceof WherryError ? error.code : 'unexpected'
  const outcome = left.length === 0 ? 'and everything is as before' : 'and not all could be put back'
  const advice = code === 'link-broken' ? ['Let UDP through between the hosts, on the port of --port.'] : []
  return new WherryError(
    code,
    left.length === 0 ? exitCodes.refused : exitCodes.unexpected,
    `${network} could not be stretched, ${outcome}: ${messageOf(error)}`,
    {
      suggestions: [...advice, ...(isOfLink ? said : []), ...left.map((reason) => `Not put back: ${reason}`)],
      cause: error,
    },
  )
}

function describe(
  { network, vni, port, members }: Extent,
  links: ProvenLink[],
  tunnels: Tunnels,
  survey: Survey,
): StretchedNetwork {
  const [end] = [...(tunnels?.values() ?? [])]
  return {
    network,
    vni,
    port: end?.port ?? port,
    members: members.map(({ engine, document, membership, ranges }) => ({
      engine: engine.name,
      madeNetwork: membership?.record.madeNetwork ?? document === undefined,
      ranges,
    })),
    links,
    encrypted: end !== undefined,
    ...(!end && survey.withoutTunnel.length > 0
      ? { notEncryptedBecause: describeWithoutTunnel(survey) }
      : {}),
  }
}
