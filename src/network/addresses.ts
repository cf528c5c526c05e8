import { addressesBelow } from '../drivers/network/subnets.ts'
import type { Engine } from '../engine/engine.ts'
import { createService } from '../launch/service.ts'
import type { NetworkDocument } from '../model/documents.ts'
import { exitCodes, messageOf, RefusedError, WherryError } from '../model/errors.ts'
import { roleLabel } from '../model/plan.ts'

/**
 * Engines let nobody choose an address on a network whose subnet they chose themselves (Compose's usual networks); there they
 * give out the lowest one that is free. To get a certain address from such a network, every free one below it is taken for the
 * moment by a plug, a container that does nothing else.
 */
const plugRole = 'plug'
/** More than this many free addresses below one that is wanted are not plugged: each costs a container. */
const mostPlugs = 32

/**
 * Whether the engine lets a container on a network choose its address. Creates a container that is never started; should it
 * stay, `removePlugs` finds it by the labels.
 */
export async function letsChoose(
  engine: Engine,
  network: string,
  image: string,
  labels: Record<string, string>,
): Promise<boolean> {
  const subnet = (await engine.networks.inspect(network))?.IPAM.Config?.[0]?.Subnet ?? ''
  const [wanted] = addressesBelow(subnet, undefined, 3).slice(-1)
  const asked = subnet.includes(':') ? { IPv6Address: wanted } : { IPv4Address: wanted }
  const name = `wherry-ask-${process.pid}-${Date.now().toString(36)}`
  try {
    const id = await engine.containers.create(name, {
      Image: image,
      Labels: { ...labels, [roleLabel]: plugRole },
      HostConfig: { NetworkMode: network },
      NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: asked } } },
    })
    await engine.containers.remove(id)
    return true
  } catch (error) {
    if (cannotChoose(error)) return false
    throw error
  }
}

/** Whether an engine said that nobody can choose an address on a network. */
export function cannotChoose(error: unknown): boolean {
  return /user configured subnet|invalid endpoint settings/i.test(messageOf(error))
}

/** Whether an engine said without a doubt that an address is somebody's. */
export function isTaken(error: unknown): boolean {
  return /address already in use/i.test(messageOf(error))
}

/**
 * An engine can be brought to give out an address: it lets somebody choose one, or has few enough to give out before it when
 * `taken` are taken too. Fine where the network is yet to be made. @throws RefusedError `address-out-of-reach`
 */
export async function assertInReach(
  engine: Engine,
  { network, address, taken }: { network: string; address: string; taken: readonly string[] },
  image: string,
  labels: Record<string, string>,
): Promise<void> {
  const document = await engine.networks.inspect(network)
  if (!document || freeBelow(document, address, taken).length <= mostPlugs) return
  if (await letsChoose(engine, network, image, labels)) return
  const { code, message, suggestions } = outOfReach(network, address, engine.name)
  throw new RefusedError(code, message, { suggestions })
}

/** Free addresses below one that is wanted, at most one more than could be plugged. */
function freeBelow(
  document: NetworkDocument | undefined,
  address: string,
  alsoTaken: readonly string[] = [],
): string[] {
  const taken = new Set([...takenOn(document), ...alsoTaken])
  const below = addressesBelow(subnetOf(document), address, mostPlugs + taken.size + 1)
  return below.filter((one) => !taken.has(one))
}

/**
 * Takes every free address below the given one, so that the engine's next is that one as soon as it is free.
 * @throws WherryError `address-out-of-reach` where they are too many.
 */
export async function plugBelow(
  engine: Engine,
  network: string,
  address: string,
  image: string,
  labels: Record<string, string>,
): Promise<void> {
  const free = freeBelow(await engine.networks.inspect(network), address)
  if (free.length > mostPlugs) throw outOfReach(network, address, engine.name)
  for (const [index] of free.entries()) {
    const id = await createService(engine, {
      image,
      name: `wherry-plug-${process.pid}-${Date.now().toString(36)}-${index}`,
      kind: 'ghost',
      labels: { ...labels, [roleLabel]: plugRole },
      settings: {},
      capabilities: ['NET_ADMIN'],
      network,
    })
    await engine.containers.start(id)
  }
}

/** Takes plugs away, by their labels (`key=value`). */
export async function removePlugs(engine: Engine, labels: readonly string[]): Promise<void> {
  const plugs = await engine.containers.list({ labels: [`${roleLabel}=${plugRole}`, ...labels] })
  await Promise.all(plugs.map(({ Id }) => engine.containers.remove(Id)))
}

function takenOn(document: NetworkDocument | undefined): string[] {
  const endpoints = Object.values(document?.Containers ?? {}).map(({ IPv4Address }) => IPv4Address)
  const gateways = (document?.IPAM.Config ?? []).map(({ Gateway }) => Gateway ?? '')
  return [...endpoints, ...gateways].map((address) => address.split('/')[0] ?? '')
}

function subnetOf(document: NetworkDocument | undefined): string {
  const subnets = (document?.IPAM.Config ?? []).flatMap(({ Subnet }) => Subnet ?? [])
  return subnets.find((subnet) => !subnet.includes(':')) ?? ''
}

function outOfReach(network: string, address: string, engine: string): WherryError {
  return new WherryError(
    'address-out-of-reach',
    exitCodes.rolledBack,
    `${engine} lets nobody choose an address on ${network}, and would give out more than ${mostPlugs} others before ${address}.`,
    {
      suggestions: [
        `Make ${network} with a subnet of your choice: docker network create --subnet … ${network}`,
      ],
    },
  )
}
