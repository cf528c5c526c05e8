import t from 'tap'
import { assertCounts, failed, runCounter } from './harness/counter.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { create, createWords, newRepository, restore } from './harness/snapshots.ts'
import { wherry } from './harness/wherry.ts'

const lab = await openLab()
await ensureWorkloadImage(['alpha', 'beta'])
t.teardown(async () => {
  await clear(lab)
  await lab.close()
})

t.test('commands are run in the containers around their standstill', async (t) => {
  const repo = await newRepository(t)
  await runCounter('t-first')
  await runCounter('t-second')
  const names = ['t-first', 't-second']
  const before = 't-first=touch /data/locked'
  const snapshot = await create(repo, names, '--before', before, '--after', 't-first=rm /data/locked')
  t.ok(snapshot.pauseSeconds > 0)
  await t.rejects(docker('alpha', 'exec', 't-first', 'ls', '/data/locked'), /No such file/)

  const during = await create(
    repo,
    names,
    '--standstill',
    'hooks',
    '--before',
    before,
    '--after',
    't-first=rm /data/locked',
  )
  t.equal(during.pauseSeconds, 0)
  const shown = await wherry(['snapshot', 'show', during.id, '--repo', repo, '--json'])
  t.equal(shown.json.standstill, 'hooks')
  await restore(repo, snapshot.id)
  t.equal(await docker('beta', 'exec', 't-first', 'ls', '/data'), 'locked\nlog')
  for (const name of names) await assertCounts(t, 'beta', name)

  const broken = [
    ...createWords(repo, names),
    '--before',
    't-second=echo no room >&2; exit 3',
    '--after',
    't-first=touch /data/after',
  ]
  const ended = await wherry([...broken, '--json'])
  t.strictSame(failed(ended), { exitCode: 4, code: 'hook-failed' })
  t.match(ended.json.error.message, /no room/)
  t.match(await docker('alpha', 'exec', 't-first', 'ls', '/data'), /after/)
  const warned = await create(repo, ['t-first'], '--after', 'exit 9')
  t.ok(warned.warnings.some(({ code }: { code: string }) => code === 'hook-failed'))
  const unclear = await wherry([...createWords(repo, names), '--before', 'true', '--json'])
  t.strictSame(failed(unclear), { exitCode: 3, code: 'hook-not-clear' })
  const none = await wherry([...createWords(repo, names), '--standstill', 'hooks', '--json'])
  t.strictSame(failed(none), { exitCode: 2, code: 'hook-needed' })
  for (const name of names) await assertCounts(t, 'alpha', name)
})
