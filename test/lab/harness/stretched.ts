import type { Test } from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import { ensureNetworkImage } from '../../../src/launch/image.ts'
import { roleLabel } from '../../../src/model/plan.ts'
import { ghostLabel, ghostRole } from '../../../src/network/ghosts.ts'
import { docker, type EngineName, inEngine, type Lab, objectsOn } from './engines.ts'
import { type Ended, succeed } from './wherry.ts'

/** Both engines of the lab, as flags that name several want them. */
export const both = ['wherry-alpha', 'wherry-beta']
/** A user's choice of subnets, with IPv6, for a network that is to be stretched. */
export const dual = ['--ipv6', '--subnet', '10.77.9.0/24', '--subnet', 'fd77:9::/64']

/** Makes a network on alpha and stretches it to beta. */
export async function stretchNew(network: string, ...options: string[]): Promise<Ended['json']> {
  await docker('alpha', 'network', 'create', ...options, network)
  return succeed('network', 'stretch', network, '--between', ...both)
}

/** What is on one engine. */
interface Traces {
  objects: Record<string, unknown>
  devices: string[]
  tables: string[]
}

/** All that a stretched network may leave behind: objects of both engines, and devices and rules of their hosts. */
export async function traces(lab: Lab): Promise<Traces[]> {
  return Promise.all(
    (['alpha', 'beta'] as const).map(async (name) => {
      const { images: _, ...objects } = await objectsOn(lab[name])
      return { objects, ...(await tracesOn(lab, name)) }
    }),
  )
}

/** What joins networks on an engine's host. */
export async function tracesOn(lab: Lab, engine: EngineName): Promise<Omit<Traces, 'objects'>> {
  const facts = engine === 'alpha' ? lab.alphaFacts : lab.betaFacts
  const devices = (await inEngine(facts, 'ls', '/sys/class/net')).split('\n')
  return {
    devices: devices.filter((device) => device.startsWith('wherry')),
    tables: await tablesOn(lab, engine),
  }
}

/** The tables of nftables that are ours. The engine's host has no nft itself, wherry's image has. */
async function tablesOn(lab: Lab, engine: EngineName): Promise<string[]> {
  const { reference } = await ensureNetworkImage(lab[engine], [lab.alpha, lab.beta], () => {})
  const options = ['--rm', '--network', 'host', '--cap-add', 'NET_ADMIN', '--entrypoint', 'sh']
  // Nothing at all is no list.
  const tables = await docker(engine, 'run', ...options, reference, '-c', 'nft list tables && echo listed')
  if (!tables.endsWith('listed')) throw new Error(`${engine} does not list its tables: "${tables}"`)
  return tables.split('\n').filter((table) => table.includes('wherry'))
}

/** Does something, and shows that nothing of it is left once `undo` was done as well. */
export async function leavesNothing(
  t: Test,
  lab: Lab,
  action: () => Promise<unknown>,
  undo: () => Promise<unknown>,
): Promise<void> {
  const before = await traces(lab)
  await action()
  for (const [index, { devices, tables }] of (await traces(lab)).entries()) {
    t.not(devices.length, before[index]?.devices.length, 'there is a device to be taken away')
    t.not(tables.length, before[index]?.tables.length, 'there are tables to be taken away')
  }
  await undo()
  t.strictSame(await traces(lab), before, 'nothing is left on either engine')
}

/** Whom each engine has a silent stand-in for; those that do not run do not count. */
export async function ghostsOf({ alpha, beta }: Lab): Promise<Record<'alpha' | 'beta', string[]>> {
  const running = async (engine: Engine) => {
    const list = await engine.containers.list({ labels: [`${roleLabel}=${ghostRole}`] })
    return list
      .filter(({ State }) => State === 'running')
      .map(({ Labels }) => Labels[ghostLabel] ?? '')
      .sort()
  }
  return { alpha: await running(alpha), beta: await running(beta) }
}
