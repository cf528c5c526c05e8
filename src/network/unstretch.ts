import type { Engine } from '../engine/engine.ts'
import type { ContainerSummary } from '../model/documents.ts'
import { RefusedError } from '../model/errors.ts'
import { roleLabel } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'
import { ghostLabel, ghostName, ghostRole, ghostsOn, removeGhosts } from './ghosts.ts'
import { placeKeeper, removeKeeper } from './keepers.ts'
import type { KnownNetwork } from './members.ts'
import { type Membership, withoutMembers } from './membership.ts'

/** What is left of a member after it was parted. */
export interface Parted {
  engine: string
  network: string
  /** `kept`: it was there before, or containers are on it. */
  networkIs: 'removed' | 'kept'
}

/** Who is on a network of an engine. */
export interface NetworkUsers {
  engine: string
  containers: string[]
  /** The containers that it has ghosts of there. */
  ghosts: string[]
}

/** Parts all members that answer; those that have lost their keeper have nothing but ghosts to be taken away. */
export async function partAll(
  { network, engines, memberships }: KnownNetwork,
  report: Report,
): Promise<Parted[]> {
  for (const engine of engines) await clearGhosts(engine, network)
  return part(memberships, report)
}

/** Takes ghosts and links away, and the networks that were made for them where no container is on them. */
export async function part(memberships: readonly Membership[], report: Report): Promise<Parted[]> {
  // Before any link goes: names are not to be answered with what is out of reach.
  for (const { engine, network } of memberships) await clearGhosts(engine, network)
  const parted: Parted[] = []
  for (const membership of memberships) {
    const { engine, network, record } = membership
    report({ type: 'phase', phase: 'unstretch', message: `parting ${network} on ${engine.name}` })
    await removeKeeper(membership)
    const document = await engine.networks.inspect(network)
    const isRemoved = document && record.madeNetwork && (await containersOn(engine, network)).length === 0
    if (isRemoved) await engine.networks.remove(document.Id)
    parted.push({ engine: engine.name, network, networkIs: isRemoved ? 'removed' : 'kept' })
  }
  return parted
}

/** Takes members, by the ids of their engines, from the others' records. One that is left alone is parted. */
export async function forget(
  memberships: readonly Membership[],
  ids: readonly string[],
  report: Report,
): Promise<Parted[]> {
  const parted: Parted[] = []
  for (const membership of memberships) {
    const { engine, image } = membership
    const record = withoutMembers(membership.record, ids)
    if (record.settings.peers.length === 0) parted.push(...(await part([membership], report)))
    else await placeKeeper({ engine, image, record, labels: {} }, membership, [])
  }
  return parted
}

/**
 * Which members are gone for good, as somebody names them.
 * @throws RefusedError for one that answers, or is no member.
 */
export function goneMembers({ network, missing }: KnownNetwork, names: readonly string[]): string[] {
  return names.map((name) => {
    const gone = missing.find((one) => one.isAbsent && [one.engine, one.id].includes(name))
    if (gone) return gone.id
    const absent = missing.filter(({ isAbsent }) => isAbsent).map(({ engine }) => engine)
    throw new RefusedError(
      'not-gone',
      `${name} is no member of ${network} that does not answer; those are: ${absent.join(', ') || 'none'}.`,
      {
        suggestions: [
          `wherry network list shows the members; wherry network unstretch ${network} parts all.`,
        ],
      },
    )
  })
}

/** All containers on a network of an engine, also those that do not run. */
export async function containersOn(engine: Engine, network: string): Promise<ContainerSummary[]> {
  const all = await engine.containers.list()
  return all.filter(({ NetworkSettings }) => NetworkSettings?.Networks[network])
}

export async function usersOn(engine: Engine, network: string): Promise<NetworkUsers> {
  const all = await containersOn(engine, network)
  return {
    engine: engine.name,
    containers: all.filter((one) => !isGhost(one)).map(({ Names }) => Names[0]?.slice(1) ?? ''),
    ghosts: all.filter(isGhost).map(({ Labels }) => Labels[ghostLabel] ?? ''),
  }
}

export function isGhost({ Labels }: Pick<ContainerSummary, 'Labels'>): boolean {
  return Labels[roleLabel] === ghostRole
}

/** Takes ghosts off a network, and away where they are on no other. */
async function clearGhosts(engine: Engine, network: string): Promise<void> {
  for (const { of, endpoints } of await ghostsOn(engine)) {
    const networks = endpoints.map((endpoint) => endpoint.network)
    if (!networks.includes(network)) continue
    if (networks.every((one) => one === network)) await removeGhosts(engine, [`${ghostLabel}=${of}`])
    else await engine.networks.disconnect(network, ghostName(of))
  }
}
