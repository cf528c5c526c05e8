import { isDeepStrictEqual } from 'node:util'
import type { Engine } from '../engine/engine.ts'
import type { ContainerDocument } from '../model/documents.ts'
import type { Ghost, GhostEndpoint } from '../model/ghost.ts'
import { roleLabel } from '../model/plan.ts'
import { ghostLabel, ghostRole, ghostsOn, placeGhost, removeGhosts } from './ghosts.ts'
import { announcesGhosts, tellAgain } from './tell-again.ts'

/** What was done to an engine's ghosts. */
export interface Reconciled {
  engine: string
  placed: string[]
  removed: string[]
}

/**
 * Makes the ghosts of engines what they must be for the networks that are one on all of them: each container that runs on one
 * of them has a ghost on each other one where somebody could ask for it, and nobody else has.
 */
export async function reconcileGhosts(
  engines: readonly Engine[],
  networks: readonly string[],
  image: string,
): Promise<Reconciled[]> {
  const live = await Promise.all(engines.map((engine) => containersOn(engine, networks)))
  const done: Reconciled[] = []
  for (const [index, engine] of engines.entries()) {
    const own = live[index] ?? []
    const wanted = live
      .filter((_, other) => other !== index)
      .flat()
      .filter(({ of }) => !own.some((one) => one.of === of))
    const open = await openNetworks(engine, networks)
    const needed = wanted
      .map((ghost) => whereAsked(ghost, own, open))
      .filter(({ endpoints }) => endpoints.length > 0)
    const names = await namesOf(engines.filter((other) => other !== engine))
    done.push(await makeSo(engine, networks, needed, names, image))
  }
  for (const [index, engine] of engines.entries()) {
    const misled = done.flatMap(({ placed }, other) =>
      engines[other] && announcesGhosts(engines[other]) ? placed : [],
    )
    const here = (live[index] ?? []).map(({ of }) => of)
    const names = here.filter((of) => misled.includes(of))
    await tellAgain(engine, names, image, {})
  }
  return done
}

/** The names of all containers on some engines, running or not. */
async function namesOf(engines: readonly Engine[]): Promise<string[]> {
  const lists = await Promise.all(engines.map((engine) => engine.containers.list()))
  return lists.flat().flatMap(({ Names }) => Names.map((name) => name.slice(1)))
}

/** The networks from all of whose subnets an engine may give any address to a container. */
async function openNetworks(engine: Engine, networks: readonly string[]): Promise<string[]> {
  const open: string[] = []
  for (const network of networks) if (!(await keepsToRange(engine, network))) open.push(network)
  return open
}

/** Whether an engine takes addresses for a network from a part of each subnet only. */
export async function keepsToRange(engine: Engine, network: string): Promise<boolean> {
  const pools = (await engine.networks.inspect(network))?.IPAM.Config ?? []
  return pools.length > 0 && pools.every(({ IPRange }) => IPRange)
}

/** A ghost is of use where a container lives that could ask for it, and where its address could be given to another. */
function whereAsked({ of, endpoints }: Ghost, own: readonly Ghost[], open: readonly string[]): Ghost {
  const asked = new Set([...open, ...own.flatMap((one) => one.endpoints.map(({ network }) => network))])
  return { of, endpoints: endpoints.filter(({ network }) => asked.has(network)) }
}

async function makeSo(
  engine: Engine,
  networks: readonly string[],
  wanted: readonly Ghost[],
  elsewhere: readonly string[],
  image: string,
): Promise<Reconciled> {
  const done: Reconciled = { engine: engine.name, placed: [], removed: [] }
  const there = await ghostsOn(engine)
  for (const of of new Set([...there, ...wanted].map((one) => one.of))) {
    const now = there.find((one) => one.of === of)
    const ghost = wanted.find((one) => one.of === of) ?? { of, endpoints: [] }
    const next = withOthers(ghost, now, networks)
    if (next.endpoints.length === 0) {
      // It may only be stopped for a while, or be about to come.
      if (elsewhere.includes(of) || !now?.endpoints.length) continue
      await removeGhosts(engine, [`${ghostLabel}=${of}`])
      done.removed.push(of)
    } else if (!now || !isSame(now, next, engine)) {
      await placeGhost(engine, next, image, {})
      done.placed.push(of)
    }
  }
  return done
}

/** A ghost with what the one that is there holds on networks other than these: a container has but one. */
export function withOthers(ghost: Ghost, there: Ghost | undefined, networks: readonly string[]): Ghost {
  const others = (there?.endpoints ?? []).filter(({ network }) => !networks.includes(network))
  return { of: ghost.of, endpoints: [...ghost.endpoints, ...others] }
}

/** Whether one does what the other would on an engine. */
export function isSame(a: Ghost, b: Ghost, engine: Engine): boolean {
  const isMacChosen = !announcesGhosts(engine)
  const plain = ({ of, endpoints }: Ghost) => ({
    of,
    endpoints: endpoints
      .map(({ mac, ...endpoint }) => ({
        ...endpoint,
        mac: isMacChosen ? mac : '',
        names: [...endpoint.names].sort(),
      }))
      .sort((one, other) => (one.network < other.network ? -1 : 1)),
  })
  return isDeepStrictEqual(plain(a), plain(b))
}

/** The running containers on networks that are no ghosts, as ghosts of theirs would be. */
async function containersOn(engine: Engine, networks: readonly string[]): Promise<Ghost[]> {
  const ids = new Set<string>()
  for (const network of networks) {
    const document = await engine.networks.inspect(network)
    for (const id of Object.keys(document?.Containers ?? {})) ids.add(id)
  }
  const documents = await Promise.all([...ids].map((id) => engine.containers.inspect(id)))
  return documents
    .filter((document) => document !== undefined)
    .filter(({ Config }) => Config.Labels?.[roleLabel] !== ghostRole)
    .map((document) => ({ of: document.Name.slice(1), endpoints: endpointsOf(document, networks) }))
}

/** A container's endpoints on some networks, as a ghost of its would have them. */
export function endpointsOf(
  { Id, Name, Config, NetworkSettings }: ContainerDocument,
  networks: readonly string[],
): GhostEndpoint[] {
  return Object.entries(NetworkSettings.Networks)
    .filter(([network]) => networks.includes(network))
    .map(([network, { IPAddress, GlobalIPv6Address, MacAddress, Aliases }]) => ({
      network,
      ipv4: IPAddress ?? '',
      ipv6: GlobalIPv6Address ?? '',
      mac: MacAddress ?? '',
      names: namesOn(
        Name.slice(1),
        (Aliases ?? []).filter((alias) => !Id.startsWith(alias)),
        Config.Hostname,
      ),
    }))
}

/** The names under which an engine's DNS knows a container on a network. */
export function namesOn(name: string, aliases: readonly string[], hostname = ''): string[] {
  return [...new Set([name, ...aliases, hostname])].filter(Boolean)
}
