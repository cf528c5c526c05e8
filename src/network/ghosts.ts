import { setTimeout as sleep } from 'node:timers/promises'
import type { EndpointRequest } from '../engine/containers.ts'
import type { Engine } from '../engine/engine.ts'
import { createService } from '../launch/service.ts'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { Ghost, GhostEndpoint } from '../model/ghost.ts'
import { migrationLabel, roleLabel } from '../model/plan.ts'
import { cannotChoose, isTaken, letsChoose, plugBelow, removePlugs } from './addresses.ts'

export const ghostRole = 'ghost'
/** The container that a ghost stands for. */
export const ghostLabel = 'wherry.ghost-of'

/** How long the engine waits between two attempts to get an address that is about to be free. */
const pauseMs = 2
/** How long after a stop its addresses are tried for. */
const holdMs = 10_000

/** A ghost's own name: an engine has one for each container that it stands for. */
export function ghostName(of: string): string {
  return `wherry-ghost-${of}`
}

/**
 * Puts a ghost on an engine: names are answered with the addresses, and the addresses are taken, also after the engine was started
 * again. It replaces one that stands for the same container.
 * @throws WherryError `address-lost` where an address cannot be had.
 */
export async function placeGhost(
  engine: Engine,
  ghost: Ghost,
  image: string,
  labels: Record<string, string>,
): Promise<void> {
  await prepareGhost(engine, ghost, image, labels)
  const plugs = { ...labels, [ghostLabel]: ghost.of }
  try {
    for (const { network, ipv4 } of ghost.endpoints) {
      if (ipv4 && !(await letsChoose(engine, network, image, plugs)))
        await plugBelow(engine, network, ipv4, image, plugs)
    }
    await takeOver(engine, ghost, Promise.resolve())
  } finally {
    await removePlugs(engine, [`${ghostLabel}=${ghost.of}`])
  }
}

/** Starts a ghost that has no address yet: `takeOver` gives it those of the container when that stops. */
export async function prepareGhost(
  engine: Engine,
  ghost: Ghost,
  image: string,
  labels: Record<string, string>,
): Promise<void> {
  const [first] = ghost.endpoints
  if (!first) return
  const there = await engine.containers.inspect(ghostName(ghost.of))
  if (there && there.Config.Labels?.[roleLabel] !== ghostRole) throw notOurs(engine.name, ghost.of)
  if (there) await engine.containers.remove(there.Id)
  // One that was there belongs to whoever put it there.
  const owner = there?.Config.Labels?.[migrationLabel]
  const former: Record<string, string> = owner ? { [migrationLabel]: owner } : {}
  const id = await createGhost(engine, ghost, image, there ? former : labels, first.network)
  await engine.containers.start(id)
  await engine.networks.disconnect(first.network, id)
}

/**
 * Takes over the addresses of a container that is stopped by `stop`: tries again and again meanwhile, so that they are free for a few
 * milliseconds only; on networks where nobody can choose an address, right after it, when it is this one's turn. Returns when the ghost has them all and is silent.
 * @throws WherryError `address-lost` when somebody else was quicker.
 */
export async function takeOver(
  engine: Engine,
  ghost: Ghost,
  stop: Promise<void>,
  turn: Promise<unknown> = stop,
): Promise<void> {
  const over = new AbortController()
  const taking = ghost.endpoints.map((endpoint) => take(engine, ghost, endpoint, turn, over.signal))
  // By then every address is free, or somebody else has it.
  const ended = stop.then(
    () => sleep(holdMs, undefined, { signal: over.signal }),
    () => {},
  )
  // It ends early when all is taken, and that is no failure.
  ended.catch(() => {}).finally(() => over.abort())
  try {
    await Promise.all(taking)
  } finally {
    over.abort()
    await Promise.allSettled(taking)
  }
  const name = ghostName(ghost.of)
  const { exitCode, output } = await engine.containers.exec(name, silence)
  if (exitCode === 0) return
  throw new WherryError('ghost-not-silent', exitCodes.unexpected, `${name} on ${engine.name}: ${output}`)
}

const silence = ['node', '/wherry/dist/agent/main.js', 'silence']

async function take(
  engine: Engine,
  { of }: Ghost,
  endpoint: GhostEndpoint,
  turn: Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const { network, ipv4, ipv6 } = endpoint
  const name = ghostName(of)
  const wanted = [ipv4, ipv6].filter(Boolean).join(' and ')
  let why = ''
  while (!signal.aborted) {
    try {
      await engine.networks.connect(network, name, request(endpoint))
    } catch (error) {
      why = messageOf(error)
      if (cannotChoose(error)) return takeNext(engine, of, endpoint, turn)
      // To look whether it was had all the same would give others time to have it.
      if (isTaken(error)) {
        await sleep(pauseMs)
        continue
      }
    }
    // An engine shows what was asked for also after it has refused it; only an endpoint has an id.
    const now = await engine.containers.inspect(name)
    if (now?.NetworkSettings.Networks[network]?.EndpointID) return
    await sleep(pauseMs)
  }
  throw lost(of, wanted, engine.name, why)
}

/** The engine gives out what it likes: the address that was just freed, when all below it are taken. */
async function takeNext(
  engine: Engine,
  of: string,
  { network, names, mac, ipv4 }: GhostEndpoint,
  turn: Promise<unknown>,
): Promise<void> {
  await turn
  const name = ghostName(of)
  await engine.networks.connect(network, name, { Aliases: [...names], ...(mac ? { MacAddress: mac } : {}) })
  const got = (await engine.containers.inspect(name))?.NetworkSettings.Networks[network]?.IPAddress
  if (got !== ipv4) throw lost(of, ipv4, engine.name, `the engine gave out ${got} instead`)
}

function lost(of: string, wanted: string, engine: string, why: string): WherryError {
  return new WherryError(
    'address-lost',
    exitCodes.rolledBack,
    `The address ${wanted} of ${of} could not be held on ${engine}: ${why}`,
    { suggestions: ['Another container may have got it in that moment. Try again when it has gone.'] },
  )
}

/** The ghosts of an engine, or those with further labels (`key=value`), with what they hold. */
export async function ghostsOn(engine: Engine, labels: readonly string[] = []): Promise<Ghost[]> {
  const list = await engine.containers.list({ labels: [`${roleLabel}=${ghostRole}`, ...labels] })
  const documents = await Promise.all(list.map(({ Id }) => engine.containers.inspect(Id)))
  return documents.flatMap((document) => {
    if (!document) return []
    const endpoints = Object.entries(document.NetworkSettings.Networks).map(([network, endpoint]) => ({
      network,
      // One that does not run has only what it asks for.
      ipv4: endpoint.IPAddress || (endpoint.IPAMConfig?.IPv4Address ?? ''),
      ipv6: endpoint.GlobalIPv6Address || (endpoint.IPAMConfig?.IPv6Address ?? ''),
      mac: endpoint.MacAddress ?? '',
      names: (endpoint.Aliases ?? []).filter((alias) => !document.Id.startsWith(alias)),
    }))
    return [{ of: document.Config.Labels?.[ghostLabel] ?? '', endpoints }]
  })
}

/** Takes ghosts away, by their labels (`key=value`); fine where there are none. */
export async function removeGhosts(engine: Engine, labels: readonly string[]): Promise<void> {
  const ghosts = await engine.containers.list({ labels: [`${roleLabel}=${ghostRole}`, ...labels] })
  for (const { Id } of ghosts) await engine.containers.remove(Id)
}

function notOurs(engine: string, of: string): WherryError {
  return new WherryError(
    'ghost-name-taken',
    exitCodes.rolledBack,
    `${engine} has a container named ${ghostName(of)} that is no ghost of wherry's.`,
    { suggestions: ['Rename it there, and try again.'] },
  )
}

function createGhost(
  engine: Engine,
  { of }: Ghost,
  image: string,
  labels: Record<string, string>,
  network: string,
): Promise<string> {
  return createService(engine, {
    image,
    name: ghostName(of),
    kind: 'ghost',
    labels: { ...labels, [roleLabel]: ghostRole, [ghostLabel]: of },
    settings: {},
    capabilities: ['NET_ADMIN'],
    network,
  })
}

function request({ ipv4, ipv6, mac, names }: GhostEndpoint): EndpointRequest {
  return {
    IPAMConfig: {
      ...(ipv4 ? { IPv4Address: ipv4 } : {}),
      ...(ipv6 ? { IPv6Address: ipv6 } : {}),
    },
    Aliases: [...names],
    // The same as the container's: what the engine announces for the ghost then misleads nobody.
    ...(mac ? { MacAddress: mac } : {}),
  }
}
