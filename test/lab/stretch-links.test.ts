import t from 'tap'
import { fromTo } from './harness/counter.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, startPeer } from './harness/peers.ts'
import { dual, succeed } from './harness/stretched.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

t.test('links lead over a stretched network, to a peer that stays and from one', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'network', 'create', ...dual, 't-net')
  await startPeer('alpha', 't-stays', '--network', 't-net')
  const id = (await lab.alpha.containers.inspect('t-stays'))?.Id.slice(0, 12)
  await startPeer('alpha', 't-it', '--network', 't-net', '--link', 't-stays:base', '--link', `${id}:byid`)
  await startPeer('alpha', 't-client', '--network', 't-net', '--link', 't-it:service')
  await succeed('migrate', 't-it', ...fromTo, '--stretch')
  for (const name of ['base', 'byid'])
    t.equal((await ask('beta', 't-it', name)).failure, undefined, `the link ${name} leads to who stays`)
  t.equal((await ask('alpha', 't-client', 'service')).failure, undefined, 'and a link leads to who moved')
})
