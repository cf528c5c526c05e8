import { isIP } from 'node:net'

/** How another member is reached: where to send to, and which source address its packets have. */
export interface Peer {
  address: string
  from: string
  /** Which engine it is; absent in what was written before this was kept. */
  id?: string
}

/** One engine's end of a stretched network. Everything in it is on this engine's host. */
export interface StretchSettings {
  /** The network's name, for messages. */
  network: string
  /** The bridge that the engine made for it. */
  bridge: string
  /** VXLAN network identifier, 24 bits (RFC 7348). */
  vni: number
  /** UDP port that all members use. */
  port: number
  /** The other members. */
  peers: Peer[]
  /** Bytes of payload that the network's containers may put into one packet. */
  mtuBytes: number
}

/** Names that may be a part of a container's name, as the engine has it. */
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
/** An interface's name, at most 15 characters; one with a dash in front would be an option. */
const interfacePattern = /^[^\s/:-][^\s/:]{0,14}$/

/** Whether a network can have a keeper, which is named after it. */
export function canBeInName(network: string): boolean {
  return namePattern.test(network)
}

/**
 * Settings from what a label or an argument says, undefined where anything of it is not what it must be: it becomes a part of
 * commands and of filters, and anybody who may make containers can have written it.
 */
export function settingsFrom(value: unknown): StretchSettings | undefined {
  const { network, bridge, vni, port, peers, mtuBytes } = (value ?? {}) as Record<string, unknown>
  if (typeof network !== 'string' || !canBeInName(network)) return undefined
  if (typeof bridge !== 'string' || !interfacePattern.test(bridge)) return undefined
  if (!isWhole(vni, 1, 2 ** 24 - 1) || !isWhole(port, 1, 65535) || !isWhole(mtuBytes, 68, 65535))
    return undefined
  if (!Array.isArray(peers)) return undefined
  const valid = peers.map(peerFrom).filter((peer) => peer !== undefined)
  if (valid.length === 0 || valid.length < peers.length) return undefined
  return { network, bridge, vni, port, peers: valid, mtuBytes }
}

function peerFrom(value: unknown): Peer | undefined {
  const { address, from, id } = (value ?? {}) as Record<string, unknown>
  if (!isAddress(address) || !isAddress(from)) return undefined
  if (id === undefined) return { address, from }
  return typeof id === 'string' ? { address, from, id } : undefined
}

/** An address without a zone: those are of no use to other hosts, and can hold anything. */
function isAddress(value: unknown): value is string {
  return typeof value === 'string' && isIP(value) !== 0 && !value.includes('%')
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}
