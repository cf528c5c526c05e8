import { contains, overlap, rangeFor, spareParts, subnetsOf } from '../drivers/network/subnets.ts'
import type { NetworkDocument } from '../model/documents.ts'
import { RefusedError } from '../model/errors.ts'
import type { Member } from './extent.ts'
import { ghostName } from './ghosts.ts'

/**
 * Gives each member without a network a part of each subnet in which nobody has an address, and that no other has.
 * @throws RefusedError where two engines would give out the same addresses, or have done so, and where no part is left.
 */
export function withRanges(
  network: string,
  members: readonly Member[],
  definition: NetworkDocument,
): Member[] {
  const subnets = subnetsOf(definition)
  const taken = members.flatMap(({ document }) =>
    document ? [...rangesOf(document), ...addressesOf(document)] : [],
  )
  const given: Member[] = []
  for (const member of members) {
    const { document } = member
    const ranges = document ? rangesOf(document) : subnets.map((subnet) => freeRange(network, subnet, taken))
    for (const other of given) refuseRival(network, subnets, { ...member, ranges }, other)
    if (!document) taken.push(...ranges)
    given.push({ ...member, ranges })
  }
  return given
}

/** The parts of its subnets that a network's engine takes addresses from; empty where it takes from all. */
export function rangesOf({ IPAM }: NetworkDocument): string[] {
  return (IPAM.Config ?? []).flatMap(({ IPRange }) => IPRange || [])
}

/** @throws RefusedError `subnet-overlap` where the network cannot be made because another one is in its place. */
export function refuseOverlaps(
  network: string,
  members: readonly Member[],
  subnets: readonly string[],
): void {
  for (const { engine, document, others = [] } of members) {
    if (document) continue
    for (const subnet of subnets) {
      const other = others.find((one) => subnetsOf(one).some((theirs) => overlap(theirs, subnet)))
      if (!other) continue
      throw new RefusedError(
        'subnet-overlap',
        `${network} cannot be made on ${engine.name}: its subnet ${subnet} overlaps with ${subnetsOf(other).join(', ')} of the network ${other.Name} there.`,
        {
          suggestions: [
            `Remove ${other.Name} from ${engine.name}, or make one of the two with another subnet.`,
          ],
        },
      )
    }
  }
}

/** Refuses two networks that are there already and do not go together. */
function refuseRival(network: string, subnets: readonly string[], one: Member, other: Member): void {
  if (!one.document || !other.document) return
  const [engine, otherEngine] = [one.engine.name, other.engine.name]
  const contested = subnets.find((subnet) => clash(subnet, one.ranges, other.ranges))
  if (contested) {
    const from = rangeIn(contested, one.ranges) ?? contested
    throw new RefusedError(
      'ranges-collide',
      `${engine} and ${otherEngine} would both give out addresses from ${from} on ${network}.`,
      { suggestions: [`Remove ${network} on one of them; it is made again with a range of its own.`] },
    )
  }
  // What happened after they were joined is no reason not to mend the link.
  if (one.membership && other.membership) return
  const theirs = holdersOn(other.document)
  for (const [address, name] of holdersOn(one.document)) {
    const rival = theirs.get(address)
    if (!rival) continue
    throw new RefusedError(
      'addresses-collide',
      `${name} on ${engine} and ${rival} on ${otherEngine} both have the address ${address} on ${network}.`,
      {
        suggestions: [
          `Give one of them another: docker network disconnect ${network} ${name}, and connect --ip`,
        ],
      },
    )
  }
}

/** Whether two engines would give out the same addresses; one that has no range may take what is in no other's. */
function clash(subnet: string, own: readonly string[], others: readonly string[]): boolean {
  const [range, other] = [rangeIn(subnet, own), rangeIn(subnet, others)]
  return range && other ? overlap(range, other) : !range && !other
}

function rangeIn(subnet: string, ranges: readonly string[]): string | undefined {
  return ranges.find((range) => overlap(subnet, range))
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

function addressesOf({ Containers, IPAM }: NetworkDocument): string[] {
  const gateways = (IPAM.Config ?? []).map(({ Gateway }) => Gateway ?? '')
  return [...Object.values(Containers ?? {}).flatMap(endpointAddresses), ...gateways.map(bare)].filter(
    Boolean,
  )
}

/** Which container has an address; ghosts have those of others. */
function holdersOn({ Containers }: NetworkDocument): Map<string, string> {
  const real = Object.values(Containers ?? {}).filter(({ Name }) => !Name?.startsWith(ghostName('')))
  return new Map(real.flatMap((one) => endpointAddresses(one).map((address) => [address, one.Name] as const)))
}

function endpointAddresses({
  IPv4Address,
  IPv6Address,
}: {
  IPv4Address: string
  IPv6Address: string
}): string[] {
  return [IPv4Address, IPv6Address].map(bare).filter(Boolean)
}

function bare(address: string): string {
  return address.split('/')[0] ?? ''
}
