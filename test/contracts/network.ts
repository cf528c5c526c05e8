import { isIPv6 } from 'node:net'
import type { Test } from 'tap'
import type { NetworkDriver, NetworkTraits } from '../../src/drivers/network/driver.ts'
import { driverOf } from '../../src/drivers/network/drivers.ts'
import type { EngineName, Lab } from '../lab/harness/engines.ts'
import { ask, startPeer } from '../lab/harness/peers.ts'
import { migrate } from '../lab/harness/wherry.ts'

/** Addresses in a network: of the container that moves, and of its peers. */
interface Addresses {
  it: string
  near: string
  far: string
}

/** A driver, and how there comes to be a network of its kind. */
export interface NetworkSubject {
  driver: NetworkDriver
  /** The driver that takes it by its definition, where that is another. */
  builtOn?: NetworkDriver
  lab: Lab
  /** Makes the network `t-net` on alpha, and on beta too where that is how such networks are used. */
  prepare(): Promise<void>
  /** Whether containers of beta can be in it before the move. */
  isOnBeta: boolean
  /** IPv4, or IPv6 where the network has nothing else. */
  addresses: Addresses
  ipv6?: Addresses
  /** Makes peers of both engines known to each other before the move, where that is how such networks are used. */
  introduce?(): Promise<void>
  /** Takes everything off both engines again. */
  clear(): Promise<void>
  flags?: string[]
}

const transferBytes = 100_000_000
/** By IPv6 the same way is gone: enough for every size of packet. */
const ipv6Bytes = 10_000_000

/**
 * Moves a container between real engines, and holds a driver to its traits: peers on both sides find the container by name,
 * alias and address where they should, before and after, and do not where they should not; every byte of 100 MB arrives,
 * by TCP and UDP, in both directions.
 */
export async function networkContract(t: Test, subject: NetworkSubject): Promise<void> {
  const { driver, builtOn = driver, lab, prepare, introduce, isOnBeta, clear, flags = [] } = subject
  const { traits } = driver
  t.teardown(clear)
  await prepare()
  const start = (engine: EngineName, peer: keyof Addresses, ...more: string[]) =>
    startPeer(engine, `t-${peer}`, '--network', 't-net', ...asked(subject, peer), ...more)
  await start('alpha', 'near')
  await start('alpha', 'it', '--network-alias', 't-alias')
  if (isOnBeta) await start('beta', 'far')
  await introduce?.()
  const document = await lab.alpha.networks.inspect('t-net')
  t.equal(document && driverOf(document), builtOn, 'the network is one of this driver')

  await t.test('before the move', async (t) => {
    await holds(t, subject, 'alpha', 'near', everything)
    const known = traits.namesSpanEngines || introduce !== undefined
    if (isOnBeta) await holds(t, subject, 'beta', 'far', acrossEngines(traits, known))
  })
  const before = await lab.alpha.containers.inspect('t-it')
  const result = await migrate(['t-it'], ...flags)
  t.comment(`downtime ${result.downtimeSeconds} s`)
  const after = await lab.beta.containers.inspect('t-it')
  const endpoints = [before, after].map((document) => document?.NetworkSettings.Networks['t-net'])
  t.equal(endpoints[1]?.IPAddress, endpoints[0]?.IPAddress, 'the address is the same')
  t.equal(endpoints[1]?.GlobalIPv6Address, endpoints[0]?.GlobalIPv6Address, 'so is the one of IPv6')
  if (traits.keepsMac) t.equal(endpoints[1]?.MacAddress, endpoints[0]?.MacAddress, 'and the MAC address')

  if (!isOnBeta) await start('beta', 'far')
  await t.test('after the move', async (t) => {
    await holds(t, subject, 'beta', 'far', everything)
    // Where names do not span engines, ghosts answer them for whoever was on the source.
    await holds(t, subject, 'alpha', 'near', acrossEngines(traits, true))
  })
}

/** By what a peer finds a container. */
interface Promised {
  byAddress: boolean
  byName: boolean
}

const everything: Promised = { byAddress: true, byName: true }

function acrossEngines({ reach }: NetworkTraits, known: boolean): Promised {
  return { byAddress: reach !== 'engine', byName: reach !== 'engine' && known }
}

function asked({ addresses, ipv6 }: NetworkSubject, peer: keyof Addresses): string[] {
  const all = [addresses[peer], ...(ipv6 ? [ipv6[peer]] : [])]
  return all.flatMap((address) => [isIPv6(address) ? '--ip6' : '--ip', address])
}

async function holds(
  t: Test,
  { lab, addresses, ipv6 }: NetworkSubject,
  engine: EngineName,
  peer: 'near' | 'far',
  { byAddress, byName }: Promised,
): Promise<void> {
  const holder = (await lab.beta.containers.inspect('t-it'))?.State.Running ? 'beta' : 'alpha'
  const name = `t-${peer}`
  for (const [host, promised] of [
    [addresses.it, byAddress],
    ...(ipv6 ? ([[ipv6.it, byAddress]] as const) : []),
    ['t-it', byName],
    ['t-alias', byName],
  ] as const) {
    const { failure } = await ask(engine, name, host, 0)
    t.equal(failure === undefined, promised, `${name} on ${engine} asks ${host} (${failure ?? 'answered'})`)
  }
  for (const [host, promised] of [
    [addresses[peer], byAddress],
    ...(ipv6 ? ([[ipv6[peer], byAddress]] as const) : []),
    [name, byName],
  ] as const) {
    const { failure } = await ask(holder, 't-it', host, 0)
    t.equal(failure === undefined, promised, `t-it on ${holder} asks ${host} (${failure ?? 'answered'})`)
  }
  if (!byAddress) return
  for (const [host, bytes] of [
    [addresses.it, transferBytes],
    ...(ipv6 ? ([[ipv6.it, ipv6Bytes]] as const) : []),
  ] as const) {
    const { failure, rates } = await ask(engine, name, host, bytes)
    const way = `between ${name} on ${engine} and t-it (${host}) on ${holder}`
    t.equal(failure, undefined, `${bytes / 1e6} MB each way ${way}`)
    t.comment(`${way}, MB/s: ${rates}`)
  }
}
