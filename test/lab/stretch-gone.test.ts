import t from 'tap'
import { run } from '../../src/platform/process.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, startPeer } from './harness/peers.ts'
import { ghostsOf, traces } from './harness/stretched.ts'
import { succeed, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const inAll = ['--on', 'wherry-alpha']
/** Beta under a name of its own, which can lead nowhere for a while. */
const gone = 't-gone'

async function pointTo(verb: 'create' | 'update', host: string): Promise<void> {
  const ended = await run('docker', ['context', verb, gone, '--docker', `host=${host}`], {
    timeoutMs: 30_000,
  })
  if (ended.failure) throw new Error(ended.stderr || ended.failure)
}

t.test('a member that does not answer, and then is gone for good', async (t) => {
  const before = await traces(lab)
  await run('docker', ['context', 'rm', '-f', gone], { timeoutMs: 30_000 })
  await pointTo('create', lab.betaFacts.unix)
  t.teardown(async () => {
    await run('docker', ['context', 'rm', '-f', gone], { timeoutMs: 30_000 })
    await clear(lab)
  })
  await docker('alpha', 'network', 'create', '--subnet', '10.77.9.0/24', 't-net')
  await succeed('network', 'stretch', 't-net', '--between', 'wherry-alpha', gone)
  await startPeer('alpha', 't-near', '--network', 't-net')
  await startPeer('beta', 't-far', '--network', 't-net')
  await succeed('network', 'repair', 't-net', ...inAll)
  const ghosts = { alpha: ['t-far'], beta: ['t-near'] }
  t.strictSame(await ghostsOf(lab), ghosts)

  await pointTo('update', 'unix:///nowhere/docker.sock')
  await t.test('it is listed as missing, and why', async (t) => {
    const { networks } = await succeed('network', 'list', ...inAll)
    t.match(networks[0].members, [
      { engine: 'wherry-alpha', state: 'joined' },
      { engine: gone, state: 'missing', reason: /t-gone|nowhere/ },
    ])
  })

  await t.test('repair leaves it a member, and ghosts as they are', async (t) => {
    await docker('alpha', 'rm', '-f', 't-near')
    const repaired = await wherry(['network', 'repair', 't-net', ...inAll, '--json'])
    t.equal(repaired.exitCode, 0, repaired.stdout)
    t.match(repaired.stderr, /t-gone stays a member of t-net, but does not answer.*--forget t-gone/)
    t.match(repaired.json.absent, [{ engine: gone, isAbsent: true }])
    t.strictSame(await ghostsOf(lab), ghosts)
    await startPeer('alpha', 't-near', '--network', 't-net')
    t.equal((await ask('alpha', 't-near', 't-far')).failure, undefined, 'the link has stayed')
  })

  await t.test('nothing is parted without it', async (t) => {
    const ended = await wherry(['network', 'unstretch', 't-net', ...inAll, '--yes', '--json'])
    t.match(ended, { exitCode: 3, json: { error: { code: 'members-missing' } } })
    t.match(ended.json?.error.suggestions.join(), /--forget t-gone/)
    const other = await wherry([
      'network',
      'unstretch',
      't-net',
      ...inAll,
      '--forget',
      'wherry-alpha',
      '--yes',
      '--json',
    ])
    t.match(other, { exitCode: 3, json: { error: { code: 'not-gone', message: /those are: t-gone/ } } })
  })

  await t.test('it is forgotten: the one that is left alone is parted', async (t) => {
    const ended = await succeed('network', 'unstretch', 't-net', ...inAll, '--forget', gone, '--yes')
    t.match(ended, { forgotten: [gone], parted: [{ engine: 'wherry-alpha', network: 't-net' }] })
    t.match(await succeed('network', 'list', ...inAll), { networks: [] })
    t.strictSame((await ghostsOf(lab)).alpha, [], 'the ghosts went with it')
  })

  await t.test('when it comes back it can be parted by itself, and nothing is left', async (t) => {
    await pointTo('update', lab.betaFacts.unix)
    const ended = await succeed('network', 'unstretch', 't-net', '--on', gone, '--yes')
    t.match(ended.parted, [{ engine: gone }])
    await docker('beta', 'rm', '-f', 't-far')
    await docker('alpha', 'rm', '-f', 't-near')
    await docker('alpha', 'network', 'rm', 't-net')
    await docker('beta', 'network', 'rm', 't-net')
    t.strictSame(await traces(lab), before)
  })
})
