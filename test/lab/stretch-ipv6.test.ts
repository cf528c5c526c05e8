import t, { type Test } from 'tap'
import { bridge } from '../../src/drivers/network/bridge.ts'
import { stretch } from '../../src/drivers/network/stretch.ts'
import { networkContract } from '../contracts/network.ts'
import { fromTo } from './harness/counter.ts'
import { clear, inEngine, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, startPeer } from './harness/peers.ts'
import { both, ghostsOf, traces } from './harness/stretched.ts'
import { succeed } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])
const before = await traces(lab)

/** Networks without IPv4 came with this one: `npm run test:lab-latest`. */
const firstMajor = 28
const isThere = Number.parseInt(lab.alpha.version, 10) >= firstMajor
/** By the engine's own Docker CLI, for that of this machine may be older than the engine. */
const create = (...options: string[]) =>
  inEngine(lab.alphaFacts, 'docker', 'network', 'create', '--ipv4=false', '--ipv6', ...options, 't-net')
const subnet = ['--subnet', 'fd77:9::/64']

if (isThere) {
  t.test('a stretched network without IPv4 keeps what networks promise', keepsPromises)
  t.test('a peer that stays, and a subnet that the engine chose', movesAlone)
  t.test('nothing is left', async (t) => t.strictSame(await traces(lab), before))
} else {
  // All that can be told of such networks here is that there are none.
  t.test(`this engine is older than ${firstMajor} and makes no network without IPv4`, async (t) => {
    t.teardown(() => clear(lab))
    await t.rejects(create(...subnet), { message: /unknown flag: --ipv4/ })
  })
}

async function keepsPromises(t: Test): Promise<void> {
  await networkContract(t, {
    lab,
    driver: stretch,
    builtOn: bridge,
    prepare: async () => {
      await create(...subnet)
      await succeed('network', 'stretch', 't-net', '--between', ...both)
      await assertWithoutIpv4(t)
    },
    introduce: () => succeed('network', 'repair', 't-net', '--on', 'wherry-alpha'),
    isOnBeta: true,
    addresses: { it: 'fd77:9::70', near: 'fd77:9::71', far: 'fd77:9::7:232' },
    clear: () => clear(lab),
  })
}

async function assertWithoutIpv4(t: Test): Promise<void> {
  for (const engine of ['alpha', 'beta'] as const)
    t.match(await lab[engine].networks.inspect('t-net'), { EnableIPv4: false, EnableIPv6: true }, engine)
}

async function movesAlone(t: Test): Promise<void> {
  t.teardown(() => clear(lab))
  await create()
  await startPeer('alpha', 't-near', '--network', 't-net')
  await startPeer('alpha', 't-it', '--network', 't-net', '--network-alias', 't-alias')
  const endpoint = async (engine: 'alpha' | 'beta') =>
    (await lab[engine].containers.inspect('t-it'))?.NetworkSettings.Networks['t-net']
  const { GlobalIPv6Address: address = '' } = (await endpoint('alpha')) ?? {}
  await succeed('migrate', 't-it', ...fromTo, '--stretch')
  await assertWithoutIpv4(t)
  t.match(await endpoint('beta'), { IPAddress: '', GlobalIPv6Address: address })
  t.strictSame(await ghostsOf(lab), { alpha: ['t-it'], beta: ['t-near'] })
  for (const host of ['t-it', 't-alias', address])
    t.equal((await ask('alpha', 't-near', host)).failure, undefined, `the peer reaches ${host}`)
  t.equal((await ask('beta', 't-it', 't-near')).failure, undefined, 'and is reached')
}
