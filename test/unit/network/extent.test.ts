import t, { type Test } from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import type { NetworkDocument } from '../../../src/model/documents.ts'
import { extentOf, type Member } from '../../../src/network/extent.ts'
import type { Membership } from '../../../src/network/membership.ts'

const subnet = { Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }

function network(parts: Partial<NetworkDocument> = {}, ...used: string[]): NetworkDocument {
  return {
    Id: 'n',
    Name: 'net',
    Driver: 'bridge',
    EnableIPv6: false,
    Internal: false,
    IPAM: { Config: [subnet] },
    Options: {},
    Containers: Object.fromEntries(
      used.map((address) => [
        address,
        { IPv4Address: address.includes(':') ? '' : `${address}/24`, IPv6Address: `${address}/64` },
      ]),
    ),
    ...parts,
  } as unknown as NetworkDocument
}

function member(name: string, document?: NetworkDocument, more: Partial<Member> = {}): Member {
  return { engine: engine(name), document, membership: undefined, ranges: [], ...more }
}

function engine(name: string, info = {}, apiVersion = '1.51'): Engine {
  const own = { ID: name, OperatingSystem: 'Debian', ...info }
  return { name, version: '26.1', apiVersion, info: own } as unknown as Engine
}

/** A member of the network as it is stretched between some engines. */
function joined(name: string, vni: number, ...members: string[]): Member {
  const record = { settings: { vni, port: 999 }, members: members.map((id) => ({ id, engine: id })) }
  return member(name, ranged('10.9.0.224/27'), { membership: { record } as unknown as Membership })
}

const ranged = (IPRange: string) => network({ IPAM: { Config: [{ ...subnet, IPRange }] } })
const rangesOf = (...members: Member[]) => extentOf('net', members, 1).members.map(({ ranges }) => ranges)

function refused(t: Test, code: string, says: RegExp, ...members: Member[]): void {
  t.throws(() => extentOf('net', members, 1), { code, exitCode: 3, message: says })
}

t.test('what is refused of engines', async (t) => {
  refused(t, 'engines', /two or more different/, member('a', network()))
  refused(t, 'engines', /two or more different/, member('a', network()), member('b'), member('a'))
  const desktop = engine('d', { OperatingSystem: 'Docker Desktop' })
  refused(
    t,
    'cannot-stretch',
    /d is Docker Desktop/,
    member('a', network()),
    member('d', undefined, { engine: desktop }),
  )
  const rootless = engine('r', { SecurityOptions: ['name=seccomp', 'name=rootless'] })
  refused(
    t,
    'cannot-stretch',
    /r runs rootless/,
    member('a', network()),
    member('r', undefined, { engine: rootless }),
  )
})

t.test('what is refused of networks', async (t) => {
  const without = { EnableIPv4: false }
  const old = member('b', undefined, { engine: engine('b', {}, '1.45') })
  refused(t, 'without-ipv4', /is without IPv4, which Docker 26\.1 on b/, member('a', network(without)), old)
  refused(t, 'no-such-network', /None of a, b has/, member('a'), member('b'))
  refused(t, 'not-stretchable', /driver macvlan/, member('a', network({ Driver: 'macvlan' })), member('b'))
  t.throws(() => extentOf('bridge', [member('a', network()), member('b')], 1), { code: 'not-stretchable' })
  const others: [string, Partial<NetworkDocument>][] = [
    ['subnets', { IPAM: { Config: [{ Subnet: '10.8.0.0/24', IPRange: '10.8.0.0/25' }] } }],
    ['subnets', { IPAM: { Config: [{ ...subnet, Gateway: '10.9.0.254', IPRange: '10.9.0.0/25' }] } }],
    ['internal', { Internal: true, IPAM: { Config: [{ ...subnet, IPRange: '10.9.0.0/25' }] } }],
    ['options', { Options: { 'com.docker.network.driver.mtu': '1400' } }],
  ]
  for (const [what, parts] of others)
    refused(
      t,
      'network-differs',
      new RegExp(`other ${what} than`),
      member('a', network()),
      member('b', network(parts)),
    )
})

t.test('what is refused of a network that is stretched already', async (t) => {
  const a = joined('a', 9, 'a', 'b', 'c')
  refused(t, 'stretched-already', /stretched to c too/, a, member('b'))
  refused(t, 'stretched-already', /not between them/, joined('a', 9, 'a', 'b'), joined('b', 8, 'a', 'b'))
})

t.test('number and port stay; new ones are far from those of Swarm', async (t) => {
  t.match(extentOf('net', [joined('a', 9, 'a'), member('b')], 1), { vni: 9, port: 999, mtuBytes: 1500 })
  const { vni, port } = extentOf('net', [member('a', network()), member('b')], 4)
  t.ok(vni >= 0x800000 && vni <= 0xffffff)
  t.equal(port, 4)
})

t.test('each engine that has no network yet gets a part of its own', async (t) => {
  t.strictSame(rangesOf(member('a', network()), member('b'), member('c')), [
    [],
    ['10.9.0.224/27'],
    ['10.9.0.192/27'],
  ])
  const six = network({ IPAM: { Config: [subnet, { Subnet: 'fd09::/64' }] } })
  t.strictSame(rangesOf(member('b'), member('a', six)), [['10.9.0.224/27', 'fd09:0:0:0:0:0:7:0/112'], []])
})

t.test('parts keep clear of addresses in use, and of the ranges of others', async (t) => {
  t.strictSame(rangesOf(member('a', network({}, '10.9.0.225')), member('b')).at(1), ['10.9.0.192/27'])
  t.strictSame(rangesOf(member('a', network()), member('c', ranged('10.9.0.224/27')), member('b')).at(2), [
    '10.9.0.192/27',
  ])
  const gateway = network({ IPAM: { Config: [{ ...subnet, Gateway: '10.9.0.254' }] } })
  t.strictSame(rangesOf(member('a', gateway), member('b')).at(1), ['10.9.0.192/27'])
  const six = network({ IPAM: { Config: [{ Subnet: 'fd09::/64' }] } }, 'fd09::7:1')
  t.strictSame(rangesOf(member('a', six), member('b')).at(1), ['fd09:0:0:0:0:0:6:0/112'])
})

t.test('a subnet that is too small, or full, is refused', async (t) => {
  const small = network({ IPAM: { Config: [{ Subnet: '10.9.0.0/28' }] } })
  refused(t, 'subnet-full', /10\.9\.0\.0\/28 of net has no free part/, member('a', small), member('b'))
  const full = network({}, '10.9.0.254', '10.9.0.200', '10.9.0.170', '10.9.0.130')
  refused(t, 'subnet-full', /no free part/, member('a', full), member('b'))
})

t.test('two engines that would give out the same addresses are refused', async (t) => {
  const all = /a and b|b and a/
  refused(t, 'ranges-collide', all, member('a', network()), member('b', network()))
  refused(t, 'ranges-collide', all, member('a', ranged('10.9.0.0/25')), member('b', ranged('10.9.0.64/26')))
  refused(t, 'ranges-collide', all, member('a', ranged('10.9.0.64/26')), member('b', ranged('10.9.0.0/25')))
  t.strictSame(
    rangesOf(
      member('a', ranged('10.9.0.0/25')),
      member('b', ranged('10.9.0.128/25')),
      member('c', network()),
    ),
    [['10.9.0.0/25'], ['10.9.0.128/25'], []],
    'one may have the rest',
  )
})

t.test('ranges are compared in each subnet', async (t) => {
  const six = (four?: string, range?: string) =>
    network({
      IPAM: {
        Config: [
          { ...subnet, ...(four ? { IPRange: four } : {}) },
          { Subnet: 'fd09::/64', ...(range ? { IPRange: range } : {}) },
        ],
      },
    })
  const [low, high] = ['10.9.0.0/25', '10.9.0.128/25']
  refused(t, 'ranges-collide', /fd09::\/64/, member('a', six(low)), member('b', six(high)))
  t.strictSame(rangesOf(member('a', six(low)), member('b', six(high, 'fd09::7:0/112'))), [
    [low],
    [high, 'fd09::7:0/112'],
  ])
})

/** A network with a range of its own and a container. */
function held(range: string, Name: string, IPv4Address: string): NetworkDocument {
  const Containers = { [Name]: { Name, IPv4Address, IPv6Address: '', MacAddress: '' } }
  return network({ IPAM: { Config: [{ ...subnet, IPRange: range }] }, Containers })
}

t.test('two containers with one address are refused by name, a ghost is not', async (t) => {
  const web = held('10.9.0.0/25', 'web', '10.9.0.9/24')
  const db = member('b', held('10.9.0.128/25', 'db', '10.9.0.9/24'))
  refused(
    t,
    'addresses-collide',
    /db on b and web on a both have the address 10\.9\.0\.9/,
    member('a', web),
    db,
  )
  const ghost = member('b', held('10.9.0.128/25', 'wherry-ghost-web', '10.9.0.9/24'))
  t.equal(rangesOf(member('a', web), ghost).length, 2)
  const { membership } = joined('a', 9, 'a', 'b')
  const both = [member('a', web, { membership }), { ...db, membership }]
  t.equal(rangesOf(...both).length, 2, 'nor what came about later')
})

t.test('a subnet that is taken where the network is to be made is refused by name', async (t) => {
  const others = [network({ Name: 'lan', IPAM: { Config: [{ Subnet: '10.9.0.128/25' }] } })]
  const says =
    /net cannot be made on b: its subnet 10\.9\.0\.0\/24 overlaps with 10\.9\.0\.128\/25 of the network lan/
  refused(t, 'subnet-overlap', says, member('a', network()), member('b', undefined, { others }))
  const there = member('b', ranged('10.9.0.128/25'), { others })
  t.equal(rangesOf(member('a', network()), there).length, 2, 'it is there already')
})

t.test('a name that no container can have is refused', async (t) => {
  for (const name of ['a b', '-net', 'a/b'])
    t.throws(() => extentOf(name, [member('a', network()), member('b')], 1), {
      code: 'network-name',
      message: name,
    })
})

t.test('members that do not answer count, and stay', async (t) => {
  const absent = [{ engine: 'c', id: 'c' }]
  t.match(extentOf('net', [joined('a', 9, 'a', 'c')], 1, absent), { vni: 9, members: [{}], absent })
  refused(t, 'engines', /two or more/, joined('a', 9, 'a', 'c'))
  const suggestions = [
    'Name all its members: wherry network stretch net --between a b c',
    'If c is gone for good: wherry network unstretch net --forget c',
  ]
  try {
    extentOf('net', [joined('a', 9, 'a', 'b', 'c'), member('b')], 1)
    t.fail('one that is not named is refused')
  } catch (error) {
    t.match(error, { code: 'stretched-already', suggestions })
  }
})
