import { createPrivateKey, createPublicKey, generateKeyPairSync, randomInt } from 'node:crypto'
import type { Peer, StretchSettings } from '../agent/network/settings.ts'
import { RefusedError } from '../model/errors.ts'
import { defaultPort, type Extent, type Member } from './extent.ts'
import { membershipsOn, tunnelKeyOf } from './membership.ts'
import { describeWithoutTunnel, type Survey } from './reach.ts'

/** Whether what crosses is to be encrypted: where all hosts can, in any case, or not. What is stretched already stays as it is. */
export type Encryption = 'where-possible' | 'always' | 'never'

/** A member's end of the tunnels to the others. Keys are base64, as WireGuard has them. */
export interface TunnelEnd {
  address: string
  port: number
  privateKey: string
  publicKey: string
}

/** What carries a network's packets between its members, encrypted. */
export interface Tunnels {
  /** By the ids of the engines of those members that answer. */
  ends: ReadonlyMap<string, TunnelEnd>
  /** UDP port of WireGuard. */
  port: number
  /** UDP port of VXLAN within. */
  vxlanPort: number
}

/** The first UDP port for WireGuard, unless told; each encrypted network of an engine has one of its own. */
const firstPort = 14790

/** Addresses within tunnels: 198.18.0.0/15, for tests of networks (RFC 2544), so that hardly a host has a way to one of them. */
const [firstAddress, addresses] = [(198 << 24) | (18 << 16), 1 << 17]

/**
 * The tunnels of a network; undefined where what crosses is not encrypted. Ends that are there stay as they are.
 * @throws RefusedError `cannot-encrypt` where a host cannot, `stretched-already` where the network is not as asked.
 */
export async function planTunnels(
  { network, members }: Extent,
  { encryption, port: asked }: { encryption: Encryption; port?: number | undefined },
  { withoutTunnel }: Survey,
): Promise<Tunnels | undefined> {
  const records = members.flatMap(({ membership }) => membership?.record ?? [])
  const known = records.flatMap(({ settings }) => settings.tunnel ?? [])
  if (records.length > 0) refuseOther(network, encryption, known.length > 0)
  const isWanted = records.length > 0 ? known.length > 0 : encryption !== 'never'
  if (!isWanted) return undefined
  if (withoutTunnel.length > 0) {
    if (records.length === 0 && encryption === 'where-possible') return undefined
    const must = records.length > 0 ? 'is encrypted' : 'cannot be encrypted'
    const said = describeWithoutTunnel({ withoutTunnel })
    throw new RefusedError('cannot-encrypt', `What crosses in ${network} ${must}: ${said}.`, {
      suggestions: [
        'Linux has WireGuard from 5.6 on; modprobe wireguard on the host says what is missing.',
        'Or join the hosts by a VPN of yours: its addresses are used before any others.',
      ],
    })
  }
  const used = await usedOn(members, network)
  const port = known[0]?.port ?? asked ?? freePort(used.ports)
  refuseTaken(network, port, used.ports)
  const ends = new Map<string, TunnelEnd>()
  for (const member of members) {
    const address = addressOf(member, members) ?? freeAddress(used.addresses)
    used.addresses.add(address)
    const kept = member.membership && (await tunnelKeyOf(member.membership))
    ends.set(member.engine.info.ID, { address, port, ...keyPair(kept) })
  }
  const vxlanPort = records[0]?.settings.port ?? vxlanPortBeside([port, ...used.tunnelPorts])
  return { ends, port, vxlanPort }
}

/** What an end's own keeper has in its settings. */
export function tunnelSettings(end: TunnelEnd | undefined): Pick<StretchSettings, 'tunnel'> {
  return end ? { tunnel: { address: end.address, port: end.port } } : {}
}

/** What the other keepers have in their settings. */
export function tunnelPeer(end: TunnelEnd | undefined): Pick<Peer, 'tunnel'> {
  return end ? { tunnel: { address: end.address, publicKey: end.publicKey } } : {}
}

function refuseOther(network: string, encryption: Encryption, isEncrypted: boolean): void {
  if (encryption === 'where-possible' || isEncrypted === (encryption === 'always')) return
  throw new RefusedError(
    'stretched-already',
    `${network} is stretched already, and what crosses is ${isEncrypted ? '' : 'not '}encrypted.`,
    { suggestions: [`Part it first: wherry network unstretch ${network}`] },
  )
}

function refuseTaken(network: string, port: number, used: ReadonlyMap<number, string>): void {
  const other = used.get(port)
  if (other === undefined) return
  throw new RefusedError(
    'tunnel-port-taken',
    `UDP port ${port} of ${network} is that of ${other} on one of its engines.`,
    {
      suggestions: [
        `A new network can have another: wherry network stretch ${network} --port PORT`,
        `One of the two that are there has to be parted and stretched again: wherry network unstretch ${other}`,
      ],
    },
  )
}

/** Addresses that tunnels of engines have, and ports of their other stretched networks, by their own records and those of the others there. */
async function usedOn(
  members: readonly Member[],
  network: string,
): Promise<{ addresses: Set<string>; ports: Map<number, string>; tunnelPorts: number[] }> {
  const all = (await Promise.all(members.map(({ engine }) => membershipsOn(engine)))).flat()
  const settings = all.map(({ record }) => record.settings)
  const others = settings.filter((one) => one.network !== network)
  return {
    addresses: new Set(
      settings.flatMap(({ tunnel, peers }) =>
        [tunnel, ...peers.map((peer) => peer.tunnel)].flatMap((end) => end?.address ?? []),
      ),
    ),
    tunnelPorts: settings.flatMap(({ tunnel }) => tunnel?.port ?? []),
    ports: new Map(
      others.flatMap((one) =>
        [one.port, one.tunnel?.port ?? one.port].map((port) => [port, one.network] as const),
      ),
    ),
  }
}

function freePort(used: ReadonlyMap<number, string>): number {
  let port = firstPort
  while (used.has(port)) port++
  return port
}

/** VXLANs share a port, but none with a WireGuard of the same host. */
function vxlanPortBeside(tunnelPorts: readonly number[]): number {
  let port = defaultPort
  while (tunnelPorts.includes(port)) port--
  return port
}

function freeAddress(used: ReadonlySet<string>): string {
  for (;;) {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(firstAddress + randomInt(1, addresses))
    const address = bytes.join('.')
    if (!used.has(address)) return address
  }
}

/** A member's address as its own keeper has it on record, or another's where it has lost its keeper. */
function addressOf({ engine, membership }: Member, members: readonly Member[]): string | undefined {
  const own = membership?.record.settings.tunnel?.address
  if (own) return own
  const peers = members.flatMap((member) => member.membership?.record.settings.peers ?? [])
  return peers.find(({ id }) => id === engine.info.ID)?.tunnel?.address
}

/** X25519 in DER, before the 32 bytes of a private key (RFC 8410). */
const derFront = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** A pair of keys as WireGuard has them: to this private key, or a new one. */
function keyPair(kept: string | undefined): Pick<TunnelEnd, 'privateKey' | 'publicKey'> {
  const key = kept
    ? createPrivateKey({
        key: Buffer.concat([derFront, Buffer.from(kept, 'base64')]),
        format: 'der',
        type: 'pkcs8',
      })
    : generateKeyPairSync('x25519').privateKey
  const last = (der: Buffer) => der.subarray(-32).toString('base64')
  return {
    privateKey: last(key.export({ format: 'der', type: 'pkcs8' })),
    publicKey: last(createPublicKey(key).export({ format: 'der', type: 'spki' })),
  }
}
