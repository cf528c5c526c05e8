import { networkRequest } from '../drivers/network/definition.ts'
import { firstAddress } from '../drivers/network/subnets.ts'
import type { Engine } from '../engine/engine.ts'
import { ensureAgentImage, ensureNetworkImage } from '../launch/image.ts'
import type { NetworkDocument } from '../model/documents.ts'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { type Extent, type Member, planExtent } from './extent.ts'
import { assertJoined, lastWords, placeKeeper, putBack, type Undo } from './keepers.ts'
import type { RecordedMember } from './membership.ts'
import { type ProvenLink, proveLinks } from './prove.ts'
import { describeWithoutTunnel, type Survey, surveyHosts } from './reach.ts'
import { addressOnRecord, recordFor } from './records.ts'
import { type Encryption, planTunnels, type Tunnels } from './tunnels.ts'

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
  const extent = tunnels ? { ...planned, port: tunnels.vxlanPort } : planned
  const undo: Undo[] = []
  try {
    for (const member of extent.members) {
      const document = await ensureNetwork(extent, member, request, undo)
      const record = recordFor(extent, member, document, survey.reaches, tunnels)
      const { engine, membership } = member
      const { labels } = request
      const tunnelKey = tunnels?.ends.get(engine.info.ID)?.privateKey
      await placeKeeper({ engine, image: images.network, record, labels, tunnelKey }, membership, undo)
    }
    for (const engine of engines) await assertJoined(engine, network)
    const links = await proveLinks(request, extent.mtuBytes, images.agent)
    return describe(extent, links, tunnels, encryptionNote(request, extent, survey))
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
  const advice = isOfLink
    ? ['Let UDP through between the hosts; a port that is taken or closed can be another: --port']
    : []
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
  tunnels: Tunnels | undefined,
  note: string | undefined,
): StretchedNetwork {
  return {
    network,
    vni,
    port: tunnels?.port ?? port,
    members: members.map(({ engine, document, membership, ranges }) => ({
      engine: engine.name,
      madeNetwork: membership?.record.madeNetwork ?? document === undefined,
      ranges,
    })),
    links,
    encrypted: tunnels !== undefined,
    ...(!tunnels && note ? { notEncryptedBecause: note } : {}),
  }
}

/** Why a network is not encrypted, where nobody asked for that. */
function encryptionNote(
  { encryption }: StretchRequest,
  { network, members }: Extent,
  survey: Survey,
): string | undefined {
  if (encryption === 'never') return undefined
  if (survey.withoutTunnel.length > 0) return describeWithoutTunnel(survey)
  return members.some(({ membership }) => membership)
    ? `it was stretched without; to encrypt it: wherry network unstretch ${network}, and stretch it again`
    : undefined
}
