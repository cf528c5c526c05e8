import { networkRequest } from '../drivers/network/definition.ts'
import { firstAddress } from '../drivers/network/subnets.ts'
import type { Engine } from '../engine/engine.ts'
import { ensureAgentImage, ensureNetworkImage } from '../launch/image.ts'
import type { NetworkDocument } from '../model/documents.ts'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { type Extent, type Member, planExtent } from './extent.ts'
import { placeKeeper } from './keepers.ts'
import { keeperName, type StretchRecord } from './membership.ts'
import { type ProvenLink, proveLinks } from './prove.ts'
import { findReach, type Reach } from './reach.ts'

export interface StretchRequest {
  network: string
  /** At least two, and all members that the network has already. */
  engines: readonly Engine[]
  /** UDP port between the hosts. */
  port: number
  /** Labels for what is made, beside those by which it is found again. */
  labels: Record<string, string>
  report: Report
}

/** A network that is one L2 segment on several engines. */
export interface StretchedNetwork {
  network: string
  vni: number
  port: number
  members: { engine: string; madeNetwork: boolean; ranges: string[] }[]
  links: ProvenLink[]
  /** What crosses can be read and changed on the way between the hosts. */
  encrypted: false
}

/** The port between hosts, unless told: not the one that Swarm uses, so that rules for one do not meet the other. */
export const defaultPort = 14789

type Undo = () => Promise<void>

/**
 * Joins the networks of one name on several engines into one L2 segment, and makes it where it is missing. Shown to carry
 * the network's packets before it returns; on failure everything is put back. Fine if it is stretched already.
 * @throws RefusedError where it cannot be, WherryError `hosts-apart` or `link-broken` where packets do not come through.
 */
export async function stretchNetwork(request: StretchRequest): Promise<StretchedNetwork> {
  const { engines, network, report } = request
  const names = engines.map(({ name }) => name).join(', ')
  report({ type: 'phase', phase: 'stretch', message: `stretching ${network} between ${names}` })
  const extent = await planExtent(network, engines, request.port)
  const images = await bringImages(request)
  const reaches = await findReach(engines, images.agent, request.labels)
  const undo: Undo[] = []
  try {
    for (const member of extent.members) {
      const document = await ensureNetwork(extent, member, request, undo)
      const record = recordFor(extent, member, document, reaches)
      const { engine, membership } = member
      undo.push(
        await placeKeeper({ engine, image: images.network, record, labels: request.labels }, membership),
      )
    }
    const links = await proveLinks(request, extent.mtuBytes, images.agent)
    return describe(extent, links)
  } catch (error) {
    const failed = await explain(error, extent)
    for (const step of undo.toReversed()) await step()
    throw failed
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
  { network, vni, port, mtuBytes, members }: Extent,
  { engine, document, membership }: Member,
  { Id, Options }: NetworkDocument,
  reaches: readonly Reach[],
): StretchRecord {
  const peers = reaches
    .filter(({ from }) => from === engine)
    .map(({ address, source }) => ({ address, from: source }))
    .sort((a, b) => (a.address < b.address ? -1 : 1))
  const bridge = Options?.['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`
  return {
    settings: { network, bridge, vni, port, peers, mtuBytes },
    // In the same order on whichever of them it begins, so that nothing looks changed.
    members: members
      .map((member) => ({ engine: member.engine.name, id: member.engine.info.ID }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    madeNetwork: membership?.record.madeNetwork ?? document === undefined,
  }
}

/** Adds what the keepers say: they know why a link was not made. */
async function explain(error: unknown, { members, network }: Extent): Promise<unknown> {
  if (!(error instanceof WherryError) || error.code !== 'link-broken') return error
  const said = await Promise.all(
    members.map(async ({ engine }) => {
      const log = await engine.containers.logs(keeperName(network), 1).catch(messageOf)
      return `${engine.name} says: ${log.trim()}`
    }),
  )
  return new WherryError(
    error.code,
    exitCodes.refused,
    `${network} could not be stretched, and everything is as before: ${error.message}`,
    {
      suggestions: ['Let UDP through between the hosts, on the port of --port.', ...said],
      cause: error,
    },
  )
}

function describe({ network, vni, port, members }: Extent, links: ProvenLink[]): StretchedNetwork {
  return {
    network,
    vni,
    port,
    members: members.map(({ engine, document, membership, ranges }) => ({
      engine: engine.name,
      madeNetwork: membership?.record.madeNetwork ?? document === undefined,
      ranges,
    })),
    links,
    encrypted: false,
  }
}
