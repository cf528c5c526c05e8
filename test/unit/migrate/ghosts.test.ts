import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { checkPeers } from '../../../src/migrate/checks/peers.ts'
import type { Facts } from '../../../src/migrate/facts.ts'
import type { Peer } from '../../../src/migrate/peers.ts'
import { ghostedNetworks, partedNetworks, planGhosts } from '../../../src/migrate/plan-ghosts.ts'
import type { Run } from '../../../src/migrate/run.ts'
import { whileTakingOver } from '../../../src/migrate/steps/ghosts.ts'
import type { MigrateOptions } from '../../../src/model/plan.ts'

const usual = { mapNetwork: {}, consistency: 'clean' } as unknown as MigrateOptions
const options = (parts: Partial<MigrateOptions> = {}): MigrateOptions => ({ ...usual, ...parts })
const endpoint = (network: string) => ({ network, ipv4: '10.9.0.9', ipv6: '', mac: '02::9', names: ['web'] })

function peer(name: string, network = 'net', parts: Partial<Peer> = {}): Peer {
  return { name, endpoints: [endpoint(network)], ...parts }
}

/** A running container `db` in networks of these drivers, with a peer in `net`. */
function facts(networks: Record<string, string>, parts: Partial<Facts> = {}, running = true): Facts {
  const manifest = {
    name: 'db',
    config: { Hostname: 'db-host' },
    hostConfig: { AutoRemove: false },
    state: { running },
    networks: Object.entries(networks).map(([Name, Driver]) => ({
      Name,
      Driver,
      Options: { parent: 'eth0' },
    })),
    endpoints: Object.keys(networks).map((network) => ({
      network,
      asked: { aliases: ['store'] },
      actual: { ipv4: '10.9.0.2', ipv6: 'fd09::2', mac: '02::2' },
    })),
  }
  const engines = { source: { name: 'a' }, target: { name: 'b' } }
  return {
    ...engines,
    manifests: [manifest],
    peers: [peer('web')],
    stretched: [],
    targetGhosts: [],
    targetContainers: [],
    targetNetworks: [],
    ...parts,
  } as unknown as Facts
}

const codes = (of: Facts, more: Partial<MigrateOptions> = {}) => {
  const { refusals, warnings } = checkPeers(of, options(more))
  return [...refusals.map(({ code }) => code), ...warnings.map(({ code }) => `${code}?`)]
}

t.test('which networks part, and which need ghosts', async (t) => {
  const of = facts({ net: 'bridge', lan: 'macvlan', far: 'overlay', bridge: 'bridge', host: 'host' })
  t.strictSame(partedNetworks(of, options()), ['net'])
  t.strictSame(ghostedNetworks(of, options()), ['lan'])
  t.strictSame(partedNetworks(of, options({ stretch: true })), [])
  t.strictSame(ghostedNetworks(of, options({ stretch: true })), ['net', 'lan'])
  t.strictSame(ghostedNetworks({ ...of, stretched: ['net'] }, options()), ['net', 'lan'], 'stretched before')
  const mapped = options({ stretch: true, mapNetwork: { net: 'other', lan: 'other' } })
  t.strictSame([...partedNetworks(of, mapped), ...ghostedNetworks(of, mapped)], [], 'mapped to another')
})

t.test('who stands in for whom', async (t) => {
  const peers = [peer('web'), peer('far', 'lonely'), peer('wherry-ghost-x', 'net', { ghostOf: 'x' })]
  const targetGhosts = [
    { of: 'db', endpoints: [endpoint('net')] },
    { of: 'x', endpoints: [endpoint('net')] },
  ]
  const targetContainers = [{ Names: ['/x'] }] as Facts['targetContainers']
  const known = { peers, targetGhosts, targetContainers }
  const plan = planGhosts(facts({ net: 'bridge' }, known), options({ stretch: true }))
  const own = {
    network: 'net',
    ipv4: '10.9.0.2',
    ipv6: 'fd09::2',
    mac: '02::2',
    names: ['db', 'store', 'db-host'],
  }
  t.strictSame(plan.onSource, [{ of: 'db', endpoints: [own] }])
  t.strictSame(plan.onTarget, [{ of: 'web', endpoints: [endpoint('net')] }], 'x is there itself')
  const further = planGhosts(
    facts({ net: 'bridge' }, { ...known, targetContainers: [] }),
    options({ stretch: true }),
  )
  t.strictSame(
    further.onTarget.map(({ of }) => of),
    ['web', 'x'],
    'x is on a third engine',
  )
  t.strictSame(plan.givingWay, [targetGhosts[0]])
})

t.test('nobody stands in for a container that does not run, or where networks part', async (t) => {
  t.strictSame(planGhosts(facts({ net: 'bridge' }, {}, false), options({ stretch: true })).onSource, [])
  t.strictSame(planGhosts(facts({ net: 'bridge' }), options()), { onSource: [], onTarget: [], givingWay: [] })
})

t.test('peers that would be left are told of', async (t) => {
  const of = facts({ net: 'bridge' })
  t.strictSame(codes(of), ['peers-left'])
  t.strictSame(codes(of, { leavePeers: true }), ['peers-left?'])
  t.strictSame(codes(of, { stretch: true }), [])
  t.strictSame(codes({ ...of, stretched: ['net'] }), [])
  t.strictSame(codes({ ...of, peers: [] }), [])
  t.strictSame(codes({ ...of, peers: [peer('g', 'net', { ghostOf: 'x' })] }), [], 'a ghost is nobody')
  t.strictSame(codes(facts({ far: 'overlay' }, { peers: [peer('web', 'far')] })), [])
  t.match(checkPeers(of, options()).refusals[0]?.suggestions[1], 'wherry migrate db web --to b')
})

t.test('a frozen container would keep its address', async (t) => {
  const of = facts({ net: 'bridge' })
  t.strictSame(codes(of, { stretch: true, consistency: 'crash' }), ['frozen-holds-address'])
  t.strictSame(codes(of, { leavePeers: true, consistency: 'crash' }), ['peers-left?'])
  t.strictSame(codes(facts({ net: 'bridge' }, {}, false), { stretch: true, consistency: 'crash' }), [])
  for (const { hostConfig } of of.manifests) hostConfig.AutoRemove = true
  t.strictSame(codes(of, { stretch: true }), ['frozen-holds-address'])
})

t.test('an engine that dies while a container stops is an error, and no more than one', async (t) => {
  const dead = () => Promise.reject(new Error('connection refused'))
  const source = { name: 'a', networks: { connect: dead }, containers: { inspect: dead } }
  const ghosts = { onSource: [{ of: 'db', endpoints: [endpoint('net')] }] }
  const unhandled: unknown[] = []
  const listener = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', listener)
  t.teardown(() => process.off('unhandledRejection', listener))
  const stop = () => sleep(20).then(() => Promise.reject(new Error('the stop failed')))
  const run = { plan: { id: '1', ghosts }, source } as unknown as Run
  await t.rejects(whileTakingOver(run, stop), { message: 'the stop failed' })
  await sleep(20)
  t.strictSame(unhandled, [], 'nothing ends the process')
})
