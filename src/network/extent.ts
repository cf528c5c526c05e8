import { randomInt } from 'node:crypto'
import { canBeInName } from '../agent/network/settings.ts'
import { definitionDifferences, wouldAddIpv4 } from '../drivers/network/definition.ts'
import { subnetsOf } from '../drivers/network/subnets.ts'
import type { Engine } from '../engine/engine.ts'
import type { NetworkDocument } from '../model/documents.ts'
import { RefusedError } from '../model/errors.ts'
import { isBuiltInNetwork } from '../model/manifest.ts'
import { type Membership, membershipsOn, type RecordedMember } from './membership.ts'
import { rangesOf, refuseOverlaps, withRanges } from './ranges.ts'

/** A member to be: what its engine has now, and what it gets. */
export interface Member {
  engine: Engine
  /** The network, where it is there already. */
  document: NetworkDocument | undefined
  membership: Membership | undefined
  /** The other networks of an engine that is to get this one. */
  others?: readonly NetworkDocument[]
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
  /** Members on record that do not answer. */
  absent: readonly RecordedMember[]
}

/** VXLAN's port, unless told: not the one that Swarm uses, so that rules for one do not meet the other. */
export const defaultPort = 14789

/** Swarm takes the numbers from 4096 on; these are far from them. */
const vniRange = [0x800000, 0xffffff] as const

/** Looks at the engines and says what the stretched network is to be. @throws RefusedError with the reason why it cannot. */
export async function planExtent(
  network: string,
  engines: readonly Engine[],
  port = defaultPort,
  absent: readonly RecordedMember[] = [],
): Promise<Extent> {
  const members = await Promise.all(
    engines.map(async (engine): Promise<Member> => {
      const document = await engine.networks.inspect(network)
      const [membership] = await membershipsOn(engine, network)
      if (document) return { engine, document, membership, ranges: [] }
      // Those that span several engines have addresses of their own.
      const others = (await engine.networks.list()).filter(({ Scope }) => Scope === 'local')
      return { engine, document, membership, others, ranges: [] }
    }),
  )
  return extentOf(network, members, port, absent)
}

/** The same, from what was seen. */
export function extentOf(
  network: string,
  members: readonly Member[],
  port: number,
  absent: readonly RecordedMember[] = [],
): Extent {
  refuseEngines(members, absent)
  const owner =
    members.find(({ document }) => document && rangesOf(document).length === 0) ??
    members.find(({ document }) => document)
  const definition = owner?.document
  if (!owner || !definition) {
    throw new RefusedError('no-such-network', `None of ${nameAll(members)} has a network named ${network}.`, {
      suggestions: [`docker network create ${network}, on one of them`],
    })
  }
  refuseNetworks(network, members, definition, owner)
  refuseOverlaps(network, members, subnetsOf(definition))
  return {
    network,
    definition,
    ...numbers(network, members, port, absent),
    mtuBytes: Number(definition.Options?.['com.docker.network.driver.mtu'] ?? 1500),
    members: withRanges(network, members, definition),
    absent,
  }
}

function refuseNetworks(
  network: string,
  members: readonly Member[],
  definition: NetworkDocument,
  owner: Member,
): void {
  if (!canBeInName(network)) {
    throw new RefusedError(
      'network-name',
      `The network "${network}" cannot be stretched: its name cannot be a part of a container's name.`,
      { suggestions: ['Make it again with a name of letters, digits, dots, dashes and underscores.'] },
    )
  }
  if (definition.Driver !== 'bridge' || isBuiltInNetwork(network)) {
    const what = isBuiltInNetwork(network) ? 'is built in' : `has the driver ${definition.Driver}`
    throw new RefusedError(
      'not-stretchable',
      `The network ${network} ${what}; only bridge networks that somebody made can be stretched.`,
    )
  }
  for (const { engine, document } of members) {
    if (!document && wouldAddIpv4(definition, engine.apiVersion)) {
      throw new RefusedError(
        'without-ipv4',
        `The network ${network} is without IPv4, which Docker ${engine.version} on ${engine.name} cannot make.`,
        { suggestions: [`Use Docker 28 or newer on ${engine.name}.`] },
      )
    }
    const differing = document ? definitionDifferences(document, definition) : []
    if (differing.length === 0) continue
    throw new RefusedError(
      'network-differs',
      `${engine.name} has a network named ${network} with other ${differing.join(', ')} than ${owner.engine.name}.`,
      { suggestions: ['Remove it there, and it is made again as it must be.'] },
    )
  }
}

function refuseEngines(members: readonly Member[], absent: readonly RecordedMember[]): void {
  const ids = new Set(members.map(({ engine }) => engine.info.ID))
  if (ids.size + absent.length < 2 || ids.size < members.length) {
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
function numbers(
  network: string,
  members: readonly Member[],
  port: number,
  absent: readonly RecordedMember[],
): { vni: number; port: number } {
  const records = members.flatMap(({ membership }) => membership?.record ?? [])
  const [record] = records
  if (!record) return { vni: randomInt(...vniRange), port }
  const here = [...members.map(({ engine }) => engine.info.ID), ...absent.map(({ id }) => id)]
  const elsewhere = records.flatMap((one) => one.members).filter(({ id }) => !here.includes(id))
  if (elsewhere.length > 0 || records.some(({ settings }) => settings.vni !== record.settings.vni)) {
    const names = [...new Set(elsewhere.map(({ engine }) => engine))]
    const missing = names.join(' ')
    throw new RefusedError(
      'stretched-already',
      missing
        ? `${network} is stretched to ${missing} too, which is not among the engines given.`
        : `${network} is stretched on these engines already, but not between them.`,
      {
        suggestions: missing
          ? [
              `Name all its members: wherry network stretch ${network} --between ${nameAll(members, ' ')} ${missing}`,
              ...names.map(
                (name) => `If ${name} is gone for good: wherry network unstretch ${network} --forget ${name}`,
              ),
            ]
          : [
              `Part them first: wherry network unstretch ${network}${members.map(({ engine }) => ` --on ${engine.name}`).join('')}`,
            ],
      },
    )
  }
  return { vni: record.settings.vni, port: record.settings.port }
}

function nameAll(members: readonly Member[], separator = ', '): string {
  return members.map(({ engine }) => engine.name).join(separator)
}
