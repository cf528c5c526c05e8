import t from 'tap'
import { assertOnlyOn, failed, killedAt, runCounter } from './harness/counter.ts'
import { clear, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

t.test('doctor lists what a dead migration left, and --fix takes it away', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-ill')
  const beta = await objectsOn(lab.beta)
  const id = await killedAt('containers/done', 't-ill')
  const engines = ['wherry-alpha', 'wherry-beta']
  const found = await wherry(['doctor', ...engines, '--json'])
  t.match(found.json.leftovers, [{ migration: id, fix: 'roll-back' }])
  t.equal(found.json.leftovers.length, 1)
  t.strictSame(failed(await wherry(['doctor', ...engines, '--fix', '--json'])), {
    exitCode: 3,
    code: 'not-confirmed',
  })
  const fixed = await wherry(['doctor', ...engines, '--fix', '--yes', '--json'])
  t.equal(fixed.exitCode, 0, fixed.stdout)
  t.strictSame(fixed.json.fixed, [id])
  await assertOnlyOn(t, lab, 'alpha', 't-ill')
  t.strictSame(await objectsOn(lab.beta), beta)
})

t.test('doctor --fix leaves a copy that has run, and a complete migration, alone', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-ran')
  await killedAt('start/done', 't-ran')
  await runCounter('t-moved')
  await migrate(['t-moved'])
  const { json } = await wherry(['doctor', 'wherry-beta', 'wherry-alpha', '--fix', '--yes', '--json'])
  t.strictSame(json.fixed, [])
  t.match(json.leftovers, [{ message: /its copy has run on wherry-beta/ }])
  t.equal(json.leftovers.length, 1)
  t.equal((await wherry(['migration', 'resume', 't-ran', '--json'])).exitCode, 0)
  await assertOnlyOn(t, lab, 'beta', 't-ran')
  await assertOnlyOn(t, lab, 'beta', 't-moved')
})
