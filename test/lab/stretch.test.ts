import t from 'tap'
import { bridge } from '../../src/drivers/network/bridge.ts'
import { stretch } from '../../src/drivers/network/stretch.ts'
import { membershipsOn } from '../../src/network/membership.ts'
import { networkContract } from '../contracts/network.ts'
import { clear, inEngine, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { dual, stretchNew, traces } from './harness/stretched.ts'
import { succeed } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const before = await traces(lab)

t.test('a stretched network keeps what networks promise', async (t) => {
  await networkContract(t, {
    lab,
    driver: stretch,
    builtOn: bridge,
    prepare: () => stretchNew('t-net', ...dual),
    introduce: () => succeed('network', 'repair', 't-net', '--on', 'wherry-alpha'),
    isOnBeta: true,
    addresses: { it: '10.77.9.70', near: '10.77.9.71', far: '10.77.9.232' },
    ipv6: { it: 'fd77:9::70', near: 'fd77:9::71', far: 'fd77:9::232' },
    clear: () => clear(lab),
  })
})

t.test('where hosts reach each other in several ways the link takes none that others carry', async (t) => {
  const [overlay, words] = ['t-vxlan', ['type', 'vxlan', 'id', '7340032', 'dstport', '14791']]
  const hosts = [lab.alphaFacts, lab.betaFacts]
  t.teardown(async () => {
    for (const host of hosts) await inEngine(host, 'sh', '-c', `ip link delete ${overlay}; true`)
    await clear(lab)
  })
  for (const [index, host] of hosts.entries()) {
    const remote = hosts.find((other) => other !== host)?.address ?? ''
    await inEngine(host, 'ip', 'link', 'add', 'dev', overlay, ...words, 'remote', remote)
    await inEngine(host, 'ip', 'address', 'add', `10.77.8.${index + 1}/24`, 'dev', overlay)
    await inEngine(host, 'ip', 'link', 'set', 'dev', overlay, 'up')
  }
  await stretchNew('t-net', ...dual)
  for (const membership of await membershipsOn(lab.alpha, 't-net'))
    t.match(membership.record.settings.peers, [{ address: lab.betaFacts.address }])
  for (const membership of await membershipsOn(lab.beta, 't-net'))
    t.match(membership.record.settings.peers, [{ address: lab.alphaFacts.address }])
})

t.test('a keeper that ends takes its link along', async (t) => {
  t.strictSame(await traces(lab), before)
})
