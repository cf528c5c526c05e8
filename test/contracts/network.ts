import { readFile } from 'node:fs/promises'
import type { Test } from 'tap'
import type { NetworkDriver, NetworkTraits } from '../../src/drivers/network/driver.ts'
import { driverOf } from '../../src/drivers/network/drivers.ts'
import { image } from '../lab/harness/configurations.ts'
import { docker, type Lab } from '../lab/harness/engines.ts'
import { migrate } from '../lab/harness/wherry.ts'

type EngineName = 'alpha' | 'beta'

/** A driver, and how there comes to be a network of its kind. */
export interface NetworkSubject {
  driver: NetworkDriver
  lab: Lab
  /** Makes the network `t-net` on alpha, and on beta too where that is how such networks are used. */
  prepare(): Promise<void>
  /** Whether containers of beta can be in it before the move. */
  isOnBeta: boolean
  /** Addresses in it: of the container that moves, and of its peers. */
  addresses: { it: string; near: string; far: string }
  /** Takes everything off both engines again. */
  clear(): Promise<void>
  flags?: string[]
}

const transferBytes = 100_000_000
const script = await readFile(new URL('./peer.py', import.meta.url), 'utf8')

/**
 * Moves a container between real engines, and holds a driver to its traits: peers on both sides find the container by name,
 * alias and address where they should, before and after, and do not where they should not; every byte of 100 MB arrives,
 * by TCP and UDP, in both directions.
 */
export async function networkContract(t: Test, subject: NetworkSubject): Promise<void> {
  const { driver, addresses, lab, prepare, isOnBeta, clear, flags = [] } = subject
  const { traits } = driver
  t.teardown(clear)
  await prepare()
  await startPeer('alpha', 't-near', addresses.near)
  await startPeer('alpha', 't-it', addresses.it, '--network-alias', 't-alias')
  if (isOnBeta) await startPeer('beta', 't-far', addresses.far)
  const document = await lab.alpha.networks.inspect('t-net')
  t.equal(document && driverOf(document), driver, 'the network is one of this driver')

  await t.test('before the move', async (t) => {
    await holds(t, subject, 'alpha', 'near', everything)
    if (isOnBeta) await holds(t, subject, 'beta', 'far', acrossEngines(traits))
  })
  const before = await lab.alpha.containers.inspect('t-it')
  const result = await migrate(['t-it'], ...flags)
  t.comment(`downtime ${result.downtimeSeconds} s`)
  const after = await lab.beta.containers.inspect('t-it')
  const endpoints = [before, after].map((document) => document?.NetworkSettings.Networks['t-net'])
  t.equal(endpoints[1]?.IPAddress, endpoints[0]?.IPAddress, 'the address is the same')
  t.equal(endpoints[1]?.GlobalIPv6Address, endpoints[0]?.GlobalIPv6Address, 'so is the one of IPv6')
  if (traits.keepsMac) t.equal(endpoints[1]?.MacAddress, endpoints[0]?.MacAddress, 'and the MAC address')

  if (!isOnBeta) await startPeer('beta', 't-far', addresses.far)
  await t.test('after the move', async (t) => {
    await holds(t, subject, 'beta', 'far', everything)
    await holds(t, subject, 'alpha', 'near', acrossEngines(traits))
  })
}

/** By what a peer finds a container. */
interface Promised {
  byAddress: boolean
  byName: boolean
}

const everything: Promised = { byAddress: true, byName: true }

function acrossEngines({ reach, namesSpanEngines }: NetworkTraits): Promised {
  return { byAddress: reach !== 'engine', byName: namesSpanEngines }
}

async function holds(
  t: Test,
  { lab, addresses }: NetworkSubject,
  engine: EngineName,
  peer: 'near' | 'far',
  { byAddress, byName }: Promised,
): Promise<void> {
  const holder = (await lab.beta.containers.inspect('t-it'))?.State.Running ? 'beta' : 'alpha'
  const name = `t-${peer}`
  for (const [host, promised] of [
    [addresses.it, byAddress],
    ['t-it', byName],
    ['t-alias', byName],
  ] as const) {
    const { failure } = await ask(engine, name, host, 0)
    t.equal(failure === undefined, promised, `${name} on ${engine} asks ${host} (${failure ?? 'answered'})`)
  }
  for (const [host, promised] of [
    [addresses[peer], byAddress],
    [name, byName],
  ] as const) {
    const { failure } = await ask(holder, 't-it', host, 0)
    t.equal(failure === undefined, promised, `t-it on ${holder} asks ${host} (${failure ?? 'answered'})`)
  }
  if (!byAddress) return
  const { failure, rates } = await ask(engine, name, addresses.it, transferBytes)
  t.equal(failure, undefined, `100 MB each way between ${name} on ${engine} and t-it on ${holder}`)
  t.comment(`${name} on ${engine}, t-it on ${holder}, MB/s: ${rates}`)
}

async function startPeer(
  engine: EngineName,
  name: string,
  address: string,
  ...more: string[]
): Promise<void> {
  const options = ['--name', name, '--network', 't-net', '--ip', address, '--stop-timeout', '0', ...more]
  await docker(engine, 'run', '-d', '--init', ...options, image, 'python3', '-c', script, 'serve')
}

/** Lets one container ask another for so many bytes, and give as many, by TCP and UDP. */
async function ask(
  engine: EngineName,
  from: string,
  host: string,
  bytes: number,
): Promise<{ failure?: string; rates?: string }> {
  try {
    // The question for a name that nobody knows may take long to be given up.
    const limit = bytes > 0 ? '100' : '10'
    const words = ['timeout', limit, 'python3', '-c', script, 'ask', host, String(bytes)]
    return { rates: await docker(engine, 'exec', from, ...words) }
  } catch (error) {
    return { failure: (error as Error).message.trim().split('\n').at(-1) ?? '' }
  }
}
