import t from 'tap'
import { fromTo, killedAt } from './harness/counter.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, startPeer } from './harness/peers.ts'
import { both, leavesNothing } from './harness/stretched.ts'
import { succeed } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
t.teardown(() => clear(lab))
await ensureWorkloadImage(['alpha', 'beta'])

// Used by every test: each leaves it as it found it.
await docker('alpha', 'network', 'create', '--subnet', '10.77.9.0/24', 't-net')
for (const name of ['t-near', 't-it'])
  await startPeer('alpha', name, '--network', 't-net', '--network-alias', `${name}-alias`)

t.test('unstretch takes away what stretch made', async (t) => {
  const stretch = () => succeed('network', 'stretch', 't-net', '--between', ...both)
  const unstretch = () => succeed('network', 'unstretch', 't-net', '--on', 'wherry-alpha', '--yes')
  await leavesNothing(t, lab, stretch, unstretch)
})

t.test('a keeper that does not run leaves nothing behind either', async (t) => {
  const stretchAndStop = async () => {
    await succeed('network', 'stretch', 't-net', '--between', ...both)
    await docker('beta', 'kill', 'wherry-stretch-t-net')
  }
  const unstretch = () => succeed('network', 'unstretch', 't-net', '--on', 'wherry-alpha', '--yes')
  await leavesNothing(t, lab, stretchAndStop, unstretch)
})

t.test('a network that was on both engines stays on both', async (t) => {
  await docker(
    'beta',
    'network',
    'create',
    '--subnet',
    '10.77.9.0/24',
    '--ip-range',
    '10.77.9.128/25',
    't-net',
  )
  t.teardown(() => docker('beta', 'network', 'rm', 't-net'))
  const stretch = () => succeed('network', 'stretch', 't-net', '--between', ...both)
  const unstretch = () => succeed('network', 'unstretch', 't-net', '--on', 'wherry-beta', '--yes')
  await leavesNothing(t, lab, stretch, unstretch)
})

// Before the commit, after which the copy on the target has answered peers.
for (const record of ['stretch/done', 'start/done']) {
  t.test(`a migration that died at ${record} is rolled back`, async (t) => {
    let id = ''
    const begin = async () => {
      id = await killedAt(record, 't-it', '--stretch')
    }
    await leavesNothing(t, lab, begin, () => succeed('migration', 'rollback', id))
    t.strictSame((await ask('alpha', 't-near', 't-it-alias')).failure, undefined, 'it is reached as before')
  })
}

t.test('a complete migration is rolled back', async (t) => {
  let id = ''
  const move = async () => {
    id = (await succeed('migrate', 't-it', ...fromTo, '--stretch')).id
  }
  await leavesNothing(t, lab, move, () => succeed('migration', 'rollback', id, '--yes'))
  t.strictSame((await ask('alpha', 't-near', 't-it-alias')).failure, undefined, 'it is reached as before')
})
