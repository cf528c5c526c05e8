import t from 'tap'
import { connectEngine } from '../../src/engine/connect.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { roleLabel } from '../../src/model/plan.ts'
import { run } from '../../src/platform/process.ts'
import { fromTo } from './harness/counter.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, askWords, peerWords, startPeer } from './harness/peers.ts'
import { both } from './harness/stretched.ts'
import { succeed } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

t.test('a container on two networks, both stretched between the same engines', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'network', 'create', '--subnet', '10.77.9.0/24', 't-net')
  await docker('alpha', 'network', 'create', '--subnet', '10.77.10.0/24', '--internal', 't-back')
  await startPeer('alpha', 't-it', '--network', 't-net', '--network-alias', 't-front-alias')
  await docker('alpha', 'network', 'connect', '--alias', 't-back-alias', 't-back', 't-it')
  await startPeer('alpha', 't-near', '--network', 't-net')
  await startPeer('alpha', 't-store', '--network', 't-back')
  const addresses = await addressesOn('alpha')
  await succeed('migrate', 't-it', ...fromTo, '--stretch')
  t.strictSame(await addressesOn('beta'), addresses, 'it has both addresses')
  const [front = '', back = ''] = addresses
  await startPeer('beta', 't-far', '--network', 't-net')
  await docker('beta', 'network', 'connect', 't-back', 't-far')
  for (const [engine, from, hosts] of [
    ['alpha', 't-near', ['t-it', 't-front-alias', front]],
    ['alpha', 't-store', ['t-it', 't-back-alias', back]],
    ['beta', 't-it', ['t-near', 't-store']],
    ['beta', 't-far', ['t-it', 't-near', 't-store', front, back]],
  ] as const) {
    for (const host of hosts)
      t.equal((await ask(engine, from, host)).failure, undefined, `${from} asks ${host}`)
  }
  t.not((await ask('alpha', 't-near', back)).failure, undefined, 'the networks are still two')
  const { networks } = await succeed('network', 'list', '--on', 'wherry-alpha')
  t.match(networks, [
    { network: 't-back', links: [{}, {}], broken: undefined },
    { network: 't-net', links: [{}, {}], broken: undefined },
  ])
  // Looking after one network leaves what ghosts hold on the other.
  await succeed('network', 'repair', 't-net', '--on', 'wherry-alpha')
  t.equal((await ask('alpha', 't-store', 't-back-alias')).failure, undefined, 't-store asks it still')
  await succeed('network', 'repair', 't-back', '--on', 'wherry-alpha')
  t.equal((await ask('alpha', 't-store', 't-far')).failure, undefined, 'and now it is')
  t.equal((await ask('alpha', 't-near', 't-far')).failure, undefined, 'on both networks')
})

async function addressesOn(engine: 'alpha' | 'beta'): Promise<string[]> {
  const networks = (await lab[engine].containers.inspect('t-it'))?.NetworkSettings.Networks
  return ['t-net', 't-back'].map((network) => networks?.[network]?.IPAddress ?? '')
}

t.test('three engines on one network, one of them an old one', async (t) => {
  const url = lab.alphaFacts.outer
  const outer = await connectEngine(url)
  const before = await objectsOn(outer)
  t.teardown(async () => {
    await clear(lab)
    await clearThird(outer, before)
    await outer.close()
  })
  const onOuter = async (...words: string[]) => {
    const { failure, stderr } = await run('docker', ['--host', url, ...words], { timeoutMs: 60_000 })
    return failure ? stderr || failure : undefined
  }
  await docker('alpha', 'network', 'create', '--subnet', '10.77.9.0/24', 't-net')
  const { links } = await succeed('network', 'stretch', 't-net', '--between', ...both, url)
  t.equal(links.length, 6, 'each reaches each')
  await startPeer('alpha', 't-near', '--network', 't-net')
  await startPeer('alpha', 't-it', '--network', 't-net')
  t.equal(await onOuter('run', '-d', '--network', 't-net', ...peerWords('t-third')), undefined)
  await succeed('network', 'repair', 't-net', '--on', 'wherry-alpha')
  await succeed('migrate', 't-it', ...fromTo)

  const asksIt = await onOuter('exec', 't-third', ...askWords('t-it'))
  t.equal(asksIt, undefined, 'the third reaches it where it is now')
  t.equal((await ask('beta', 't-it', 't-near')).failure, undefined, 'it reaches the peer that stayed')
  t.equal((await ask('alpha', 't-near', 't-third')).failure, undefined, 'which reaches the third')

  await onOuter('rm', '-f', 't-third')
  await docker('alpha', 'rm', '-f', 't-it', 't-near')
  await docker('beta', 'rm', '-f', 't-it')
  await succeed('network', 'repair', 't-net', '--on', 'wherry-beta')
  await succeed('network', 'unstretch', 't-net', '--on', 'wherry-beta', '--yes')
  const { images: _, ...left } = await objectsOn(outer)
  t.match(before, left, 'nothing is left on the third')
})

/** The outer engine of the lab is nobody's to clear but for what was made here. */
async function clearThird(outer: Engine, before: Record<string, unknown>): Promise<void> {
  await outer.containers.remove('t-third').catch(() => {})
  for (const { Id } of await outer.containers.list({ labels: [roleLabel] })) {
    await outer.containers.stop(Id)
    await outer.containers.remove(Id)
  }
  for (const { Id, Name } of await outer.networks.list())
    if (Name === 't-net') await outer.networks.remove(Id)
  const there = before.images as string[]
  for (const one of await outer.images.listNames()) {
    const [, reference] = one.split(' ')
    if (reference && !there.includes(one)) await outer.images.remove(reference)
  }
}
