import { setTimeout as sleep } from 'node:timers/promises'
import type { EndpointRequest } from '../engine/containers.ts'
import type { Engine } from '../engine/engine.ts'
import { createService } from '../launch/service.ts'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { Ghost, GhostEndpoint } from '../model/ghost.ts'
import { roleLabel } from '../model/plan.ts'

export const ghostRole = 'ghost'
/** The container that a ghost stands for. */
export const ghostLabel = 'wherry.ghost-of'

/** How long the engine waits between two attempts to get an address that is about to be free. */
const pauseMs = 2

/** A ghost's own name: an engine has one for each container that it stands for. */
export function ghostName(of: string): string {
  return `wherry-ghost-${of}`
}

/**
 * Puts a ghost on an engine: names are answered with the addresses, and the addresses are taken, also after the engine was started
 * again. Fine if it is there already.
 */
export async function placeGhost(
  engine: Engine,
  ghost: Ghost,
  image: string,
  labels: Record<string, string>,
): Promise<void> {
  const there = await engine.containers.inspect(ghostName(ghost.of))
  if (there) await engine.containers.remove(there.Id)
  const [first, ...others] = ghost.endpoints
  if (!first) return
  const id = await createGhost(engine, ghost, image, labels, first.network, request(first))
  for (const endpoint of others) await engine.networks.connect(endpoint.network, id, request(endpoint))
  await engine.containers.start(id)
}

/** Starts a ghost that has no address yet: `holdAddresses` gives it those of the container when that stops. */
export async function prepareGhost(
  engine: Engine,
  ghost: Ghost,
  image: string,
  labels: Record<string, string>,
): Promise<void> {
  const [first] = ghost.endpoints
  if (!first) return
  const there = await engine.containers.inspect(ghostName(ghost.of))
  if (there) await engine.containers.remove(there.Id)
  const id = await createGhost(engine, ghost, image, labels, first.network)
  await engine.containers.start(id)
  await engine.networks.disconnect(first.network, id)
}

/**
 * Takes over the addresses of a container that is about to stop: tries again and again, so that they are free for a few
 * milliseconds only. Returns when the ghost has them all and is silent.
 * @throws WherryError `address-lost` when it was called off before, with what the engine said last.
 */
export async function holdAddresses(engine: Engine, ghost: Ghost, signal: AbortSignal): Promise<void> {
  const name = ghostName(ghost.of)
  await Promise.all(ghost.endpoints.map((endpoint) => take(engine, ghost, endpoint, signal)))
  const { exitCode, output } = await engine.containers.exec(name, [
    'node',
    '/wherry/dist/agent/main.js',
    'silence',
  ])
  if (exitCode === 0) return
  throw new WherryError('ghost-not-silent', exitCodes.unexpected, `${name} on ${engine.name}: ${output}`)
}

async function take(
  engine: Engine,
  { of }: Ghost,
  endpoint: GhostEndpoint,
  signal: AbortSignal,
): Promise<void> {
  const { network, ipv4, ipv6 } = endpoint
  const name = ghostName(of)
  let why = ''
  while (!signal.aborted) {
    try {
      return await engine.networks.connect(network, name, request(endpoint))
    } catch (error) {
      const there = await engine.containers.inspect(name)
      if (there?.NetworkSettings.Networks[network]) return
      why = messageOf(error)
    }
    await sleep(pauseMs)
  }
  throw new WherryError(
    'address-lost',
    exitCodes.rolledBack,
    `The address ${[ipv4, ipv6].filter(Boolean).join(' and ')} of ${of} could not be held on ${engine.name}: ${why}`,
    { suggestions: ['Another container may have got it in that moment. Try again when it has gone.'] },
  )
}

/** The ghosts of an engine, with what they hold. */
export async function ghostsOn(engine: Engine): Promise<Ghost[]> {
  const list = await engine.containers.list({ labels: [`${roleLabel}=${ghostRole}`] })
  const documents = await Promise.all(list.map(({ Id }) => engine.containers.inspect(Id)))
  return documents.flatMap((document) => {
    if (!document) return []
    const endpoints = Object.entries(document.NetworkSettings.Networks).map(([network, endpoint]) => ({
      network,
      ipv4: endpoint.IPAMConfig?.IPv4Address ?? '',
      ipv6: endpoint.IPAMConfig?.IPv6Address ?? '',
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

function createGhost(
  engine: Engine,
  { of }: Ghost,
  image: string,
  labels: Record<string, string>,
  network: string,
  endpoint?: EndpointRequest,
): Promise<string> {
  return createService(engine, {
    image,
    name: ghostName(of),
    kind: 'ghost',
    labels: { ...labels, [roleLabel]: ghostRole, [ghostLabel]: of },
    settings: {},
    capabilities: ['NET_ADMIN'],
    network,
    ...(endpoint ? { endpoint } : {}),
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
