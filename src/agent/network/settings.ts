import { isIP } from 'node:net'

/** How another member is reached: where to send to, and which source address its packets have. */
export interface Peer {
  address: string
  from: string
  /** Which engine it is; absent in what was written before this was kept. */
  id?: string
  /** Its end of the tunnel, where what crosses is encrypted. */
  tunnel?: PeerTunnel
}

/** The other end of a tunnel: its address in it, and its WireGuard public key, base64. */
export interface PeerTunnel {
  address: string
  publicKey: string
}

/** One engine's own end of a tunnel: its IPv4 address in it, and the UDP port that WireGuard has on all members. */
export interface TunnelSettings {
  address: string
  port: number
}

/** The variable in a keeper's environment that has the private key of its tunnel, base64. No other user of its host sees it there. */
export const keyVariable = 'WHERRY_TUNNEL_KEY'

/** One engine's end of a stretched network. Everything in it is on this engine's host. */
export interface StretchSettings {
  /** The network's name, for messages. */
  network: string
  /** The bridge that the engine made for it. */
  bridge: string
  /** VXLAN network identifier, 24 bits (RFC 7348). */
  vni: number
  /** UDP port of VXLAN, the same on all members. */
  port: number
  /** What crosses goes through a tunnel that encrypts it; absent where it goes as it is. */
  tunnel?: TunnelSettings
  /** The other members. */
  peers: Peer[]
  /** Bytes of payload that the network's containers may put into one packet. */
  mtuBytes: number
}

/** Names that may be a part of a container's name, as the engine has it. */
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
/** An interface's name, at most 15 characters; one with a dash in front would be an option. */
const interfacePattern = /^[^\s/:-][^\s/:]{0,14}$/

/** 32 bytes in base64. */
const keyPattern = /^[A-Za-z0-9+/]{43}=$/

/** Whether a network can have a keeper, which is named after it. */
export function canBeInName(network: string): boolean {
  return namePattern.test(network)
}

/**
 * Settings from what a label or an argument says, undefined where anything of it is not what it must be: it becomes a part of
 * commands and of filters, and anybody who may make containers can have written it.
 */
export function settingsFrom(value: unknown): StretchSettings | undefined {
  const { network, bridge, vni, port, peers, mtuBytes, tunnel } = (value ?? {}) as Record<string, unknown>
  if (typeof network !== 'string' || !canBeInName(network)) return undefined
  if (typeof bridge !== 'string' || !interfacePattern.test(bridge)) return undefined
  if (!isWhole(vni, 1, 2 ** 24 - 1) || !isWhole(port, 1, 65535) || !isWhole(mtuBytes, 68, 65535))
    return undefined
  if (!Array.isArray(peers)) return undefined
  const valid = peers.map(peerFrom).filter((peer) => peer !== undefined)
  if (valid.length === 0 || valid.length < peers.length) return undefined
  const own = tunnelFrom(tunnel)
  // With some peers through the tunnel and others not, something would go unencrypted.
  if (valid.some((peer) => (peer.tunnel === undefined) !== (tunnel === undefined))) return undefined
  if (tunnel !== undefined && !own) return undefined
  return { network, bridge, vni, port, peers: valid, mtuBytes, ...(own ? { tunnel: own } : {}) }
}

function peerFrom(value: unknown): Peer | undefined {
  const { address, from, id, tunnel } = (value ?? {}) as Record<string, unknown>
  if (!isAddress(address) || !isAddress(from)) return undefined
  if (id !== undefined && typeof id !== 'string') return undefined
  const end = peerTunnelFrom(tunnel)
  if (tunnel !== undefined && !end) return undefined
  return { address, from, ...(id === undefined ? {} : { id }), ...(end ? { tunnel: end } : {}) }
}

function peerTunnelFrom(value: unknown): PeerTunnel | undefined {
  const { address, publicKey } = (value ?? {}) as Record<string, unknown>
  if (typeof address !== 'string' || isIP(address) !== 4) return undefined
  return typeof publicKey === 'string' && keyPattern.test(publicKey) ? { address, publicKey } : undefined
}

function tunnelFrom(value: unknown): TunnelSettings | undefined {
  const { address, port } = (value ?? {}) as Record<string, unknown>
  if (typeof address !== 'string' || isIP(address) !== 4) return undefined
  return isWhole(port, 1, 65535) ? { address, port } : undefined
}

/** An address without a zone: those are of no use to other hosts, and can hold anything. */
function isAddress(value: unknown): value is string {
  return typeof value === 'string' && isIP(value) !== 0 && !value.includes('%')
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}
