import t from 'tap'
import type { Surroundings } from '../../../src/drivers/network/driver.ts'
import { driverOf } from '../../../src/drivers/network/drivers.ts'
import { sameSwarm } from '../../../src/drivers/network/swarm.ts'
import type { NetworkDocument } from '../../../src/model/documents.ts'

function network(parts: Partial<NetworkDocument>): NetworkDocument {
  return {
    Id: 'n1',
    Name: 'net',
    Driver: 'bridge',
    Scope: 'local',
    EnableIPv6: false,
    Internal: false,
    Attachable: false,
    Ingress: false,
    IPAM: { Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }] },
    Options: {},
    Labels: {},
    ...parts,
  }
}

const onParent = (Driver: string, parent: string, more: Record<string, string> = {}) =>
  network({ Driver, Options: { parent, ...more } })

function surroundings(parts: Partial<Surroundings> = {}, interfaces = ['eth0', 'docker0']): Surroundings {
  const modules = { macvlan: true, ipvlan: true }
  return {
    source: { name: 'a', swarm: {} },
    target: { name: 'b', swarm: {}, host: { interfaces, modules } },
    isThere: false,
    ...parts,
  }
}

function codes(of: NetworkDocument, around: Surroundings): string[] {
  const found = driverOf(of)?.obstacles(of, around)
  return [...(found?.refusals ?? []), ...(found?.warnings ?? [])].map(({ code }) => code)
}

t.test('each network has its driver, and one of an unknown kind has none', async (t) => {
  t.equal(driverOf(network({}))?.name, 'bridge')
  t.equal(driverOf(onParent('macvlan', 'eth0'))?.name, 'macvlan')
  t.equal(driverOf(onParent('ipvlan', 'eth0'))?.name, 'ipvlan')
  t.equal(driverOf(network({ Driver: 'overlay' }))?.name, 'overlay')
  t.equal(driverOf(network({ Driver: 'weave' })), undefined)
  const without: NetworkDocument['Options'][] = [{}, null, { parent: 'dm-0123456789ab' }]
  for (const Options of without) {
    const dummy = network({ Driver: 'macvlan', Options })
    t.equal(driverOf(dummy)?.traits.reach, 'engine', 'without a parent nobody outside is reached')
    t.strictSame(driverOf(dummy)?.request(dummy, { labels: {} })?.Options, {})
  }
})

t.test('the parent is the same name unless another one is given; modes are kept', async (t) => {
  const net = onParent('macvlan', 'eth0', { macvlan_mode: 'vepa' })
  const macvlan = driverOf(net)
  t.match(macvlan?.request(net, { labels: { a: 'b' } }), {
    Driver: 'macvlan',
    Options: { parent: 'eth0', macvlan_mode: 'vepa' },
    Labels: { a: 'b' },
  })
  t.match(macvlan?.request(net, { labels: {}, parent: 'enp3s0' }), {
    Options: { parent: 'enp3s0', macvlan_mode: 'vepa' },
  })
})

t.test('a network of the LAN is the same one over other parents, gateways and ranges', async (t) => {
  const here = onParent('macvlan', 'eth0')
  const there = {
    ...onParent('macvlan', 'enp3s0', { macvlan_mode: 'bridge' }),
    IPAM: { Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.2', IPRange: '10.9.0.64/26' }] },
  }
  t.strictSame(driverOf(here)?.differences(here, there), [])
  const vepa = onParent('macvlan', 'eth0', { macvlan_mode: 'vepa' })
  t.strictSame(driverOf(here)?.differences(here, vepa), ['options'])
  const other = { ...there, IPAM: { Config: [{ Subnet: '10.9.1.0/24' }] } }
  t.strictSame(driverOf(here)?.differences(here, other), ['subnets'])
  t.strictSame(driverOf(network({}))?.differences(network({}), { ...network({}), IPAM: there.IPAM }), [
    'subnets',
  ])
})

t.test("a parent that the target's host does not have is refused", async (t) => {
  const net = onParent('macvlan', 'ens5')
  t.strictSame(codes(net, surroundings()), ['no-parent'])
  t.strictSame(codes(net, surroundings({ parent: 'eth0' })), [])
  t.strictSame(codes(net, surroundings({ parent: 'eth1' })), ['no-parent'])
  t.strictSame(codes(net, surroundings({ isThere: true })), [], 'a network that is there has its own')
  t.strictSame(codes(net, surroundings({ target: { name: 'b', swarm: {} } })), [], 'not looked yet')
  const [refusal] = driverOf(net)?.obstacles(net, surroundings()).refusals ?? []
  t.match(refusal?.message, /net lies on the interface ens5, which b's host does not have/)
  t.match(refusal?.suggestions, [/--map-parent net=INTERFACE/, /It has: eth0\./])
})

t.test('of a VLAN the engine makes the interface itself', async (t) => {
  t.strictSame(codes(onParent('macvlan', 'eth0.50'), surroundings()), [])
  t.strictSame(codes(onParent('macvlan', 'eth1.50'), surroundings()), ['no-parent'])
  t.strictSame(codes(onParent('macvlan', 'eth0.5000'), surroundings()), ['no-parent'])
  t.strictSame(codes(onParent('macvlan', 'eth1.50'), surroundings({}, ['eth1.50'])), [])
})

t.test('what the kernel lacks is refused, what cannot be told is not', async (t) => {
  const lacking = (ipvlan: boolean | undefined) =>
    surroundings({
      target: { name: 'b', swarm: {}, host: { interfaces: ['eth0'], modules: { ipvlan } } },
    })
  t.strictSame(codes(onParent('ipvlan', 'eth0'), lacking(false)), ['no-kernel-module'])
  t.strictSame(codes(network({ Driver: 'ipvlan' }), lacking(false)), ['no-kernel-module'])
  t.strictSame(codes(onParent('ipvlan', 'eth0'), lacking(undefined)), [])
  t.strictSame(codes(onParent('ipvlan', 'eth0', { ipvlan_mode: 'l3' }), surroundings()), ['routes-needed'])
})

const node = (NodeID: string, manager: string, LocalNodeState = 'active') => ({
  NodeID,
  LocalNodeState,
  RemoteManagers: [{ NodeID: manager, Addr: '10.0.0.1:2377' }],
})

t.test('a swarm is known by its managers', async (t) => {
  t.equal(sameSwarm(node('m', 'm'), node('w', 'm')), true)
  t.equal(sameSwarm(node('v', 'm'), node('w', 'm')), true)
  t.equal(sameSwarm(node('m', 'm'), node('n', 'n')), false)
  t.equal(sameSwarm(node('m', 'm'), node('w', 'm', 'pending')), false)
  t.equal(sameSwarm({ LocalNodeState: 'inactive', RemoteManagers: null }, node('w', 'm')), false)
})

t.test('an overlay is joined within its swarm, by containers if it is attachable', async (t) => {
  const net = network({ Driver: 'overlay', Scope: 'swarm', Attachable: true })
  const inSwarm = surroundings({
    source: { name: 'a', swarm: node('m', 'm') },
    target: { name: 'b', swarm: node('w', 'm') },
  })
  t.strictSame(codes(net, inSwarm), [])
  t.equal(driverOf(net)?.request(net, { labels: {} }), undefined)
  t.strictSame(codes(net, surroundings()), ['other-swarm'])
  t.strictSame(codes({ ...net, Attachable: false }, inSwarm), ['not-attachable'])
  t.strictSame(codes({ ...net, Ingress: true }, inSwarm), ['not-attachable'])
  t.strictSame(codes({ ...net, Options: { encrypted: '' } }, inSwarm), ['overlay-encrypted'])
  t.strictSame(driverOf(net)?.differences(net, { ...net, Driver: 'bridge', Id: 'n2' }), ['id'])
})
