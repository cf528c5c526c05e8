import t from 'tap'
import { image } from './harness/configurations.ts'
import { assertCounts, assertOnlyOn, failed, fromTo, killedAt, runCounter } from './harness/counter.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

t.test('an engine that is gone for good: what can still run, runs', async (t) => {
  const gone = 'unix:///nowhere/docker.sock'
  await t.test('the source, after everything has arrived', async (t) => {
    t.teardown(() => clear(lab))
    await runCounter('t-orphan')
    const id = await killedAt('final-round/done', 't-orphan')
    const plain = await wherry(['migration', 'resume', id, '--from', gone, '--json'])
    t.equal(plain.exitCode, 7)
    t.match(plain.json.error.suggestions.join(), '--source-is-down')
    const ended = await wherry(['migration', 'resume', id, '--from', gone, '--source-is-down', '--json'])
    t.equal(ended.exitCode, 0, ended.stdout)
    t.ok((await lab.beta.containers.inspect('t-orphan'))?.State.Running)
    t.equal(
      (await wherry(['migration', 'resume', id, '--json'])).exitCode,
      0,
      'when it comes back, its lock goes',
    )
    await assertOnlyOn(t, lab, 'beta', 't-orphan')
    await assertCounts(t, 'beta', 't-orphan')
  })
  await t.test('the source, before everything has arrived', async (t) => {
    t.teardown(() => clear(lab))
    await runCounter('t-orphan')
    const id = await killedAt('pre-copy/done', 't-orphan')
    const ended = await wherry(['migration', 'resume', id, '--from', gone, '--source-is-down', '--json'])
    t.equal(ended.exitCode, 7)
    t.equal((await wherry(['migration', 'rollback', id, '--json'])).exitCode, 0)
    await assertOnlyOn(t, lab, 'alpha', 't-orphan')
  })
  await t.test(
    'the target, before a copy was started: the source comes back, and the rest is removed later',
    async (t) => {
      t.teardown(() => clear(lab))
      const beta = await objectsOn(lab.beta)
      await runCounter('t-orphan')
      const id = await killedAt('final-round/done', 't-orphan')
      const ended = await wherry(['migration', 'rollback', id, '--to', gone, '--json'])
      t.equal(ended.exitCode, 0, ended.stdout)
      t.match(ended.json.left, ['containers', 'volumes'])
      await assertCounts(t, 'alpha', 't-orphan')
      const locked = await wherry(['migrate', 't-orphan', ...fromTo, '--json'])
      t.strictSame(failed(locked), { exitCode: 6, code: 'locked' })
      const later = await wherry(['migration', 'rollback', id, '--json'])
      t.equal(later.exitCode, 0, later.stdout)
      t.strictSame(later.json.left, [])
      t.strictSame(await objectsOn(lab.beta), beta)
      await assertOnlyOn(t, lab, 'alpha', 't-orphan')
    },
  )
  await t.test('what the target refuses to give up is named with its reason', async (t) => {
    t.teardown(() => clear(lab))
    await docker('alpha', 'network', 'create', 't-net')
    await runCounter('t-orphan', '--network', 't-net')
    const id = await killedAt('containers/done', 't-orphan')
    await docker('beta', 'run', '-d', '--name', 't-guest', '--network', 't-net', image, 'sleep', '1000')
    const ended = await wherry(['migration', 'rollback', id, '--json'])
    t.equal(ended.exitCode, 0, ended.stdout)
    t.strictSame(ended.json.left, ['networks'])
    t.match(ended.json.leftBecause, [
      { step: 'networks', reason: /wherry-beta: removing network t-net: .*active endpoints/ },
    ])
    t.match(ended.json.message, /Not everything/)
    await assertCounts(t, 'alpha', 't-orphan')
    await docker('beta', 'rm', '-f', 't-guest')
    const later = await wherry(['migration', 'rollback', id, '--json'])
    t.strictSame([later.exitCode, later.json.left], [0, []])
    t.equal(await lab.beta.networks.inspect('t-net'), undefined)
    await assertOnlyOn(t, lab, 'alpha', 't-orphan')
  })
  await t.test('the target, after a copy was started: only when the user says so', async (t) => {
    t.teardown(() => clear(lab))
    await runCounter('t-orphan')
    const id = await killedAt('start/done', 't-orphan')
    const rollback = ['migration', 'rollback', id, '--to', gone, '--yes', '--json']
    const plain = await wherry(rollback)
    t.equal(plain.exitCode, 7)
    t.match(plain.json.error.suggestions.join(), '--target-is-down --discard')
    t.notOk((await lab.alpha.containers.inspect('t-orphan'))?.State.Running)
    await docker('beta', 'stop', 't-orphan')
    const ended = await wherry([...rollback, '--target-is-down', '--discard'])
    t.equal(ended.exitCode, 0, ended.stdout)
    await assertCounts(t, 'alpha', 't-orphan')
  })
})
