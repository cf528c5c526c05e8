import t from 'tap'
import { bridge } from '../../src/drivers/network/bridge.ts'
import { stretch } from '../../src/drivers/network/stretch.ts'
import { networkContract } from '../contracts/network.ts'
import { clear, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { dual, stretchNew, succeed, traces } from './harness/stretched.ts'

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

t.test('a keeper that ends takes its link along', async (t) => {
  t.strictSame(await traces(lab), before)
})
