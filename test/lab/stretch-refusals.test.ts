import t, { type Test } from 'tap'
import { defaultPort } from '../../src/network/extent.ts'
import { fromTo } from './harness/counter.ts'
import { clear, docker, inEngine, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { startPeer } from './harness/peers.ts'
import { both, stretchNew, traces } from './harness/stretched.ts'
import { succeed, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const subnet = ['--subnet', '10.77.9.0/24']
const stretch = ['network', 'stretch', 't-net', '--between']
const migrate = ['migrate', 't-it', ...fromTo]
const create = (engine: 'alpha' | 'beta', ...options: string[]) =>
  docker(engine, 'network', 'create', ...options, 't-net')

interface Case {
  name: string
  code: string
  says: RegExp
  command: string[]
  prepare?: () => Promise<unknown>
}

const cases: Case[] = [
  {
    name: 'a peer that would lose the container',
    code: 'peers-left',
    says: /t-near on wherry-alpha would no longer reach t-it on network t-net/,
    command: migrate,
    prepare: () => withPeer(),
  },
  {
    name: 'a container that would be frozen, and keep its address',
    code: 'frozen-holds-address',
    says: /t-it would be frozen, not stopped, and go on holding its address on t-net/,
    command: [...migrate, '--stretch', '--consistency', 'crash'],
    prepare: () => withPeer(),
  },
  {
    name: 'a network that nobody has',
    code: 'no-such-network',
    says: /None of wherry-alpha, wherry-beta has a network named t-net/,
    command: [...stretch, ...both],
  },
  {
    name: 'a network of another driver',
    code: 'not-stretchable',
    says: /t-net has the driver macvlan; only bridge networks/,
    command: [...stretch, ...both],
    prepare: () => create('alpha', '-d', 'macvlan', '-o', 'parent=eth0', ...subnet),
  },
  {
    name: 'a network that was not made by anybody',
    code: 'not-stretchable',
    says: /The network bridge is built in/,
    command: ['network', 'stretch', 'bridge', '--between', ...both],
  },
  {
    name: 'networks with other subnets',
    code: 'network-differs',
    says: /has a network named t-net with other subnets than wherry-/,
    command: [...stretch, ...both],
    prepare: async () => {
      await create('alpha', ...subnet)
      await create('beta', '--subnet', '10.77.10.0/24')
    },
  },
  {
    name: 'networks that give out the same addresses',
    code: 'ranges-collide',
    says: /would both give out addresses/,
    command: [...stretch, ...both],
    prepare: async () => {
      await create('alpha', ...subnet)
      await create('beta', ...subnet)
    },
  },
  {
    name: 'networks whose ranges overlap',
    code: 'ranges-collide',
    says: /would both give out addresses from 10\.77\.9\.64\/26/,
    command: [...stretch, ...both],
    prepare: async () => {
      await create('alpha', ...subnet, '--ip-range', '10.77.9.0/25')
      await create('beta', ...subnet, '--ip-range', '10.77.9.64/26')
    },
  },
  {
    name: 'one engine, named twice',
    code: 'engines',
    says: /between two or more different engines/,
    command: [...stretch, 'wherry-alpha', lab.alphaFacts.unix],
    prepare: () => create('alpha', ...subnet),
  },
]

for (const { name, code, says, command, prepare } of cases) {
  t.test(`refused, with both engines left as they were: ${name}`, async (t) => {
    t.teardown(() => clear(lab))
    await prepare?.()
    await refused(t, command, code, says, objects)
  })
}

t.test('where UDP does not come through, all that was made is taken away again', async (t) => {
  const drop = ['INPUT', '-p', 'udp', '--dport', String(defaultPort), '-j', 'DROP']
  t.teardown(async () => {
    await inEngine(lab.betaFacts, 'iptables', '-D', ...drop)
    await clear(lab)
  })
  await inEngine(lab.betaFacts, 'iptables', '-I', ...drop)
  await withPeer()
  const says =
    /t-net could not be stretched, and everything is as before: nothing comes back from 10\.77\.9\./
  const { suggestions } = await refused(t, [...stretch, ...both], 'link-broken', says)
  t.match(suggestions[0], /Let UDP through between the hosts/)

  await t.test('and a migration is rolled back', async (t) => {
    const before = await traces(lab)
    const ended = await wherry([...migrate, '--stretch', '--json'])
    t.match(ended.json?.error, { code: 'link-broken' })
    t.equal(ended.exitCode, 4, ended.stdout)
    t.strictSame(await traces(lab), before, 'nothing has changed')
  })
})

t.test('a network that is stretched is not refused', async (t) => {
  t.teardown(() => clear(lab))
  await stretchNew('t-net', ...subnet)
  const before = await traces(lab)
  await succeed(...stretch, ...both)
  t.strictSame(await traces(lab), before, 'and nothing is changed')
})

async function withPeer(): Promise<void> {
  await create('alpha', ...subnet)
  for (const name of ['t-it', 't-near']) await startPeer('alpha', name, '--network', 't-net')
}

function objects(): Promise<unknown> {
  return Promise.all([objectsOn(lab.alpha), objectsOn(lab.beta)])
}

async function refused(
  t: Test,
  command: string[],
  code: string,
  says: RegExp,
  look = () => traces(lab) as Promise<unknown>,
): Promise<{ suggestions: string[] }> {
  const before = await look()
  const ended = await wherry([...command, '--json'])
  t.strictSame(await look(), before, 'nothing has changed')
  t.equal(ended.exitCode, 3, ended.stderr)
  t.equal(ended.json?.error.code, code)
  t.match(ended.json?.error.message, says)
  return ended.json?.error
}
