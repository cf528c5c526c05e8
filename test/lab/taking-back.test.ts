import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { image } from './harness/configurations.ts'
import { assertCounts, assertOnlyOn, counter, failed, runCounter } from './harness/counter.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

t.test('a copy that was moved on is not brought back from where it was', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'run', '-d', '--name', 't-on', image, 'sleep', '1000')
  const { id } = await migrate(['t-on'])
  await docker('alpha', 'rename', 't-on', 't-old')
  const on = ['migrate', 't-on', '--from', 'wherry-beta', '--to', 'wherry-alpha', '--json']
  const second = await wherry(on)
  t.equal(second.exitCode, 0, second.stdout)
  const back = await wherry(['migration', 'rollback', id, '--yes', '--discard', '--json'])
  t.strictSame(failed(back), { exitCode: 3, code: 'moved-on' })
  const forth = await wherry(['migration', 'resume', id, '--json'])
  t.strictSame(failed(forth), { exitCode: 3, code: 'nothing-to-resume' })
  t.notOk((await lab.alpha.containers.inspect('t-old'))?.State.Running)
  t.equal((await lab.alpha.containers.inspect('t-on'))?.State.Running, true)
})

t.test('a copy that was moved on from another machine is taken back only after that', async (t) => {
  t.teardown(() => clear(lab))
  const WHERRY_STATE_DIR = await mkdtemp(join(tmpdir(), 'wherry-lab-test-'))
  t.teardown(() => rm(WHERRY_STATE_DIR, { recursive: true }))
  await docker('alpha', 'run', '-d', '--name', 't-far', image, 'sleep', '1000')
  const { id } = await migrate(['t-far'])
  await docker('alpha', 'rename', 't-far', 't-old')
  const on = ['migrate', 't-far', '--from', 'wherry-beta', '--to', 'wherry-alpha', '--json']
  const second = await wherry(on, { WHERRY_STATE_DIR })
  t.equal(second.exitCode, 0, second.stdout)
  const back = await wherry(['migration', 'rollback', id, '--yes', '--discard', '--json'])
  t.strictSame(failed(back), { exitCode: 3, code: 'moved-on' })
  t.match(back.json.error.suggestions[0], `wherry migration rollback ${second.json.id} --from wherry-beta`)
  t.notOk((await lab.alpha.containers.inspect('t-old'))?.State.Running)
  const words = ['migration', 'rollback', second.json.id, '--yes', '--json']
  const first = await wherry(words, { WHERRY_STATE_DIR })
  t.equal(first.exitCode, 0, first.stdout)
  const volumes = (await lab.beta.volumes.list()).filter(({ Name }) => Name.startsWith('wherry-'))
  t.strictSame(volumes, [], 'the forwarding address went with it')
  const then = await wherry(['migration', 'rollback', id, '--yes', '--json'])
  t.equal(then.exitCode, 0, then.stdout)
  t.equal((await lab.alpha.containers.inspect('t-old'))?.State.Running, true)
  t.equal(await lab.beta.containers.inspect('t-far'), undefined)
})

t.test('a copy with --rm is not ended by a rollback that cannot take it back', async (t) => {
  t.teardown(() => clear(lab))
  await docker(
    'alpha',
    'run',
    '-d',
    '--rm',
    '--name',
    't-vanish',
    '-v',
    't-vanish:/data',
    image,
    'sh',
    '-c',
    counter,
  )
  await sleep(500)
  const { id } = await migrate(['t-vanish'])
  const written = await assertCounts(t, 'beta', 't-vanish')
  const back = await wherry(['migration', 'rollback', id, '--yes', '--json'])
  t.strictSame(failed(back), { exitCode: 5, code: 'frozen-source' })
  t.ok((await assertCounts(t, 'beta', 't-vanish')) > written)
  const ended = await wherry(['migration', 'resume', id, '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  await assertCounts(t, 'beta', 't-vanish')
})

t.test('a complete migration is taken back with what was written since, and can be made again', async (t) => {
  t.teardown(() => clear(lab))
  const beta = await objectsOn(lab.beta)
  await runCounter('t-back', '-v', '/anonymous')
  await migrate(['t-back'])
  await docker(
    'beta',
    'exec',
    't-back',
    'sh',
    '-c',
    'echo new > /anonymous/file; echo layer > /in-layer; mkdir -p /data/d; ln -s x /data/d/l',
  )
  const written = await assertCounts(t, 'beta', 't-back')
  const unasked = await wherry(['migration', 'rollback', 't-back', '--json'])
  t.strictSame(failed(unasked), { exitCode: 3, code: 'not-confirmed' })
  const ended = await wherry(['migration', 'rollback', 't-back', '--yes', '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  await assertOnlyOn(t, lab, 'alpha', 't-back')
  t.ok((await assertCounts(t, 'alpha', 't-back')) > written)
  t.equal(
    await docker('alpha', 'exec', 't-back', 'sh', '-c', 'cat /anonymous/file /in-layer; readlink /data/d/l'),
    'new\nlayer\nx',
  )
  t.strictSame(await objectsOn(lab.beta), beta)
  t.match((await wherry(['migration', 'resume', 't-back', '--json'])).json.error, {
    code: 'nothing-to-resume',
    exitCode: 3,
  })
  await migrate(['t-back'])
  await assertOnlyOn(t, lab, 'beta', 't-back')
  const discarded = await wherry(['migration', 'rollback', 't-back', '--yes', '--discard', '--json'])
  t.equal(discarded.exitCode, 0, discarded.stdout)
  await assertOnlyOn(t, lab, 'alpha', 't-back')
  await assertCounts(t, 'alpha', 't-back')
})

t.test('finish removes the fenced copy and its volumes, and nothing before it was asked', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-done', '-v', 't-shared:/shared')
  await docker('alpha', 'create', '--name', 't-sharer', '-v', 't-shared:/s', image, 'true')
  const { id } = await migrate(['t-done'])
  const unasked = await wherry(['migration', 'finish', id, '--json'])
  t.strictSame(failed(unasked), { exitCode: 3, code: 'not-confirmed' })
  t.match(unasked.json.error.message, /Remove from wherry-alpha for good: t-done, volume t-done/)

  await docker('beta', 'rename', 't-done', 't-hidden')
  t.strictSame(failed(await wherry(['migration', 'finish', id, '--yes', '--json'])), {
    exitCode: 3,
    code: 'copy-gone',
  })
  await docker('beta', 'rename', 't-hidden', 't-done')
  await docker('alpha', 'start', 't-done')
  t.strictSame(failed(await wherry(['migration', 'finish', id, '--yes', '--json'])), {
    exitCode: 3,
    code: 'source-runs',
  })
  await docker('alpha', 'stop', 't-done')

  const ended = await wherry(['migration', 'finish', id, '--yes', '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  t.match(ended.json, { removed: { containers: ['t-done'], volumes: ['t-done'] }, kept: ['t-shared'] })
  t.equal(await lab.alpha.containers.inspect('t-done'), undefined)
  t.equal(await lab.alpha.volumes.inspect('t-done'), undefined)
  await assertOnlyOn(t, lab, 'beta', 't-done')
  t.strictSame(failed(await wherry(['migration', 'rollback', id, '--yes', '--json'])), {
    exitCode: 3,
    code: 'finished',
  })
})

t.test('finish leaves a volume alone that was made anew under the name', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-anew')
  const { id } = await migrate(['t-anew'])
  await docker('alpha', 'rm', 't-anew')
  await docker('alpha', 'volume', 'rm', 't-anew')
  await docker('alpha', 'run', '--rm', '-v', 't-anew:/data', image, 'touch', '/data/precious')
  // There is nothing to ask about.
  const ended = await wherry(['migration', 'finish', id, '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  t.match(ended.json, { removed: { containers: [], volumes: [] }, kept: ['t-anew'] })
  t.ok(await lab.alpha.volumes.inspect('t-anew'))
})
