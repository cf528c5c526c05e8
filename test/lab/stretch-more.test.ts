import t from 'tap'
import { connectEngine } from '../../src/engine/connect.ts'
import { run } from '../../src/platform/process.ts'
import { image } from './harness/configurations.ts'
import { fromTo } from './harness/counter.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, askWords, peerWords, startPeer } from './harness/peers.ts'
import { both, succeed, traces } from './harness/stretched.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

t.test('a container on two networks, both stretched between the same engines', async (t) => {
  t.teardown(() => clear(lab))
  const before = await traces(lab)
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
  await docker('alpha', 'rm', '-f', 't-it', 't-near', 't-store')
  await docker('beta', 'rm', '-f', 't-it', 't-far')
  for (const network of ['t-net', 't-back']) {
    await succeed('network', 'repair', network, '--on', 'wherry-alpha')
    await succeed('network', 'unstretch', network, '--on', 'wherry-alpha', '--yes')
    await docker('alpha', 'network', 'rm', network)
  }
  t.strictSame(await traces(lab), before, 'and nothing is left of them')
})

async function addressesOn(engine: 'alpha' | 'beta'): Promise<string[]> {
  const networks = (await lab[engine].containers.inspect('t-it'))?.NetworkSettings.Networks
  return ['t-net', 't-back'].map((network) => networks?.[network]?.IPAddress ?? '')
}

t.test('three engines on one network, one of them an old one', async (t) => {
  const url = lab.alphaFacts.outer
  const outer = await connectEngine(url)
  t.teardown(() => outer.close())
  const before = await objectsOn(outer)
  const onOuter = async (...words: string[]) => {
    const { failure, stderr } = await run('docker', ['--host', url, ...words], { timeoutMs: 60_000 })
    return failure ? stderr || failure : undefined
  }
  t.teardown(async () => {
    await onOuter('rm', '-f', 't-third')
    await clear(lab)
  })
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
  t.equal((await ask('beta', 't-it', 't-near')).failure, undefined)
  t.equal((await ask('alpha', 't-near', 't-third')).failure, undefined)

  await onOuter('rm', '-f', 't-third')
  await succeed('network', 'repair', 't-net', '--on', 'wherry-alpha')
  await docker('alpha', 'rm', '-f', 't-it', 't-near')
  await docker('beta', 'rm', '-f', 't-it')
  await succeed('network', 'repair', 't-net', '--on', 'wherry-alpha')
  await succeed('network', 'unstretch', 't-net', '--on', 'wherry-alpha', '--yes')
  const left = await objectsOn(outer)
  for (const name of left.images as string[])
    if (!(before.images as string[]).includes(name)) await outer.images.remove(name)
  t.strictSame(await objectsOn(outer), before, 'the third is as it was')
  t.ok((before.images as string[]).includes(image))
})
