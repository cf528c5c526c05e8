import { randomInt } from 'node:crypto'
import { definitionDifferences } from '../drivers/network/definition.ts'
import { contains, overlap, rangeFor, spareParts } from '../drivers/network/subnets.ts'
import type { Engine } from '../engine/engine.ts'
import type { NetworkDocument } from '../model/documents.ts'
import { RefusedError } from '../model/errors.ts'
import { isBuiltInNetwork } from '../model/manifest.ts'
import { type Membership, membershipsOn } from './membership.ts'

/** A member to be: what its engine has now, and what it gets. */
export interface Member {
  engine: Engine
  /** The network, where it is there already. */
  document: NetworkDocument | undefined
  membership: Membership | undefined
  /** The parts of the subnets that its engine takes addresses from; empty for the one that has the rest. */
  ranges: string[]
}

/** A stretched network as it is to be. */
export interface Extent {
  network: string
  /** The network as one of the members has it: the others get the same. */
  definition: NetworkDocument
  vni: number
  port: number
  mtuBytes: number
  members: Member[]
}

/** Swarm takes the numbers from 4096 on; these are far from them. */
const vniRange = [0x800000, 0xffffff] as const

/** Looks at the engines and says what the stretched network is to be. @throws RefusedError with the reason why it cannot. */
export async function planExtent(network: string, engines: readonly Engine[], port: number): Promise<Extent> {
  const members = await Promise.all(
    engines.map(async (engine): Promise<Member> => {
      const document = await engine.networks.inspect(network)
      const [membership] = await membershipsOn(engine, network)
      return { engine, document, membership, ranges: [] }
    }),
  )
  return extentOf(network, members, port)
}

/** The same, from what was seen. */
export function extentOf(network: string, members: readonly Member[], port: number): Extent {
  refuseEngines(members)
  const owner =
    members.find(({ document }) => document && rangesOf(document).length === 0) ??
    members.find(({ document }) => document)
  const definition = owner?.document
  if (!owner || !definition) {
    throw new RefusedError('no-such-network', `None of ${nameAll(members)} has a network named ${network}.`, {
      suggestions: [`docker network create ${network}, on one of them`],
    })
  }
  if (definition.Driver !== 'bridge' || isBuiltInNetwork(network)) {
    const what = isBuiltInNetwork(network) ? 'is built in' : `has the driver ${definition.Driver}`
    throw new RefusedError(
      'not-stretchable',
      `The network ${network} ${what}; only bridge networks that somebody made can be stretched.`,
    )
  }
  for (const { engine, document } of members) {
    const differing = document ? definitionDifferences(document, definition) : []
    if (differing.length === 0) continue
    throw new RefusedError(
      'network-differs',
      `${engine.name} has a network named ${network} with other ${differing.join(', ')} than ${owner.engine.name}.`,
      { suggestions: ['Remove it there, and it is made again as it must be.'] },
    )
  }
  return {
    network,
    definition,
    ...numbers(network, members, port),
    mtuBytes: Number(definition.Options?.['com.docker.network.driver.mtu'] ?? 1500),
    members: withRanges(network, members, definition),
  }
}

function refuseEngines(members: readonly Member[]): void {
  const ids = new Set(members.map(({ engine }) => engine.info.ID))
  if (ids.size < 2 || ids.size < members.length) {
    throw new RefusedError('engines', 'A network is stretched between two or more different engines.')
  }
  for (const { engine } of members) {
    const { OperatingSystem, SecurityOptions } = engine.info
    const what = /docker desktop/i.test(OperatingSystem)
      ? 'is Docker Desktop, whose host is a hidden virtual machine'
      : (SecurityOptions ?? []).some((option) => option.includes('rootless'))
        ? 'runs rootless, in a network of its own'
        : undefined
    if (!what) continue
    throw new RefusedError('cannot-stretch', `${engine.name} ${what}: networks cannot be stretched to it.`, {
      suggestions: ['Publish the ports instead, and leave forwarders behind: wherry migrate … --forward'],
    })
  }
}

/** Number and port of the network, as it has them if it is stretched already. */
function numbers(network: string, members: readonly Member[], port: number): { vni: number; port: number } {
  const records = members.flatMap(({ membership }) => membership?.record ?? [])
  const [record] = records
  if (!record) return { vni: randomInt(...vniRange), port }
  const here = members.map(({ engine }) => engine.info.ID)
  const elsewhere = records.flatMap((one) => one.members).filter(({ id }) => !here.includes(id))
  if (elsewhere.length > 0 || records.some(({ settings }) => settings.vni !== record.settings.vni)) {
    const missing = [...new Set(elsewhere.map(({ engine }) => engine))].join(' ')
    throw new RefusedError(
      'stretched-already',
      missing
        ? `${network} is stretched to ${missing} too, which is not among the engines given.`
        : `${network} is stretched on these engines already, but not between them.`,
      {
        suggestions: missing
          ? [
              `Name all its members: wherry network stretch ${network} --between ${nameAll(members, ' ')} ${missing}`,
            ]
          : [`Part them first: wherry network unstretch ${network}`],
      },
    )
  }
  return { vni: record.settings.vni, port: record.settings.port }
}

/** Gives each member without a network a part of each subnet in which nobody has an address, and that no other has. */
function withRanges(network: string, members: readonly Member[], definition: NetworkDocument): Member[] {
  const subnets = (definition.IPAM.Config ?? []).flatMap(({ Subnet }) => Subnet ?? [])
  const taken = members.flatMap(({ document }) =>
    document ? [...rangesOf(document), ...addressesOf(document)] : [],
  )
  const given: Member[] = []
  for (const member of members) {
    const { document, engine } = member
    const ranges = document ? rangesOf(document) : subnets.map((subnet) => freeRange(network, subnet, taken))
    const rival = document && given.find((other) => other.document && clash(ranges, other.ranges))
    if (rival)
      throw rangesCollide(network, engine.name, rival.engine.name, ranges.length > 0 ? ranges : subnets)
    if (!document) taken.push(...ranges)
    given.push({ ...member, ranges })
  }
  return given
}

/** Whether two engines would give out the same addresses; one that has no range may take what is in no other's. */
function clash(own: readonly string[], others: readonly string[]): boolean {
  if (own.length === 0 && others.length === 0) return true
  return own.some((range) => others.some((other) => overlap(range, other)))
}

function rangesCollide(network: string, one: string, other: string, ranges: readonly string[]): RefusedError {
  return new RefusedError(
    'ranges-collide',
    `${one} and ${other} would both give out addresses from ${ranges.join(', ')} on ${network}.`,
    { suggestions: [`Remove ${network} on one of them; it is made again with a range of its own.`] },
  )
}

function freeRange(network: string, subnet: string, taken: readonly string[]): string {
  for (let index = 0; index < spareParts; index++) {
    const range = rangeFor(subnet, index)
    if (
      range &&
      !taken.some((other) => (other.includes('/') ? overlap(range, other) : contains(range, other)))
    ) {
      return range
    }
  }
  throw new RefusedError(
    'subnet-full',
    `The subnet ${subnet} of ${network} has no free part left for another engine's addresses.`,
    { suggestions: ['Make the network again with a larger subnet, such as /16.'] },
  )
}

function rangesOf({ IPAM }: NetworkDocument): string[] {
  return (IPAM.Config ?? []).flatMap(({ IPRange }) => IPRange || [])
}

function addressesOf({ Containers, IPAM }: NetworkDocument): string[] {
  const endpoints = Object.values(Containers ?? {}).flatMap(({ IPv4Address, IPv6Address }) => [
    IPv4Address,
    IPv6Address,
  ])
  const gateways = (IPAM.Config ?? []).map(({ Gateway }) => Gateway ?? '')
  return [...endpoints, ...gateways].map((address) => address.split('/')[0] ?? '').filter(Boolean)
}

function nameAll(members: readonly Member[], separator = ', '): string {
  return members.map(({ engine }) => engine.name).join(separator)
}
