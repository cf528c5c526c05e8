import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type LockKind, withLock } from '../../../src/snapshot/repository/locks.ts'
import { SmallRepository, verifyAll } from './harness.ts'

async function locking(t: { teardown: (action: () => void) => void }) {
  const small = new SmallRepository()
  t.teardown(() => small.remove())
  small.write('data', { a: '1' })
  const { lockDirectory: directory } = await small.open()
  const notes: string[] = []
  const hold = <T>(kind: LockKind, purpose: string, patienceMs: number, action: () => Promise<T>) =>
    withLock(
      {
        directory,
        kind,
        purpose,
        patienceMs,
        report: (event) => void notes.push('message' in event ? event.message : ''),
      },
      action,
    )
  return { small, directory, notes, hold }
}

t.test('who adds waits for who removes', async (t) => {
  const { hold, notes } = await locking(t)
  const order: string[] = []
  const begun = Promise.withResolvers<void>()
  const pruned = Promise.withResolvers<void>()
  const prune = hold('exclusive', 'snapshot prune', 0, async () => {
    begun.resolve()
    await pruned.promise
    order.push('prune')
  })
  await begun.promise
  const create = hold('shared', 'snapshot create', 10_000, async () => void order.push('create'))
  await t.rejects(
    hold('shared', 'snapshot create', 0, async () => undefined),
    { code: 'repository-locked', exitCode: 6, message: /snapshot prune by process \d+ on/ },
  )
  pruned.resolve()
  await Promise.all([prune, create])
  t.strictSame(order, ['prune', 'create'])
  t.match(notes[0], /^waiting: snapshot prune by process \d+ on .* works in the repository$/)
})

t.test('who removes waits for all who add, who do not wait for each other', async (t) => {
  const { hold } = await locking(t)
  const order: string[] = []
  const added = Promise.withResolvers<void>()
  const one = hold('shared', 'snapshot create', 0, () => added.promise)
  await hold('shared', 'snapshot create', 0, async () => void order.push('other'))
  await t.rejects(
    hold('exclusive', 'snapshot prune', 0, async () => undefined),
    { code: 'repository-locked', exitCode: 6, message: /snapshot create/ },
  )
  const prune = hold('exclusive', 'snapshot prune', 10_000, async () => void order.push('prune'))
  added.resolve()
  await Promise.all([one, prune])
  t.strictSame(order, ['other', 'prune'])
})

t.test('the lock of a process that died is nobody’s', async (t) => {
  const { directory, hold } = await locking(t)
  await hold('shared', 'first', 0, async () => undefined)
  const dead = { pid: 999_999_999, host: hostname(), since: '', purpose: 'snapshot prune' }
  writeFileSync(join(directory, 'exclusive-dead-1'), JSON.stringify(dead))
  await hold('shared', 'snapshot create', 0, async () => undefined)
  t.pass('it was passed over')
})

t.test('two that publish at once are both listed', async (t) => {
  const { small } = await locking(t)
  small.write('web', { b: '2' })
  const taken = await Promise.all([
    small.take({ db: ['data'] }),
    small.take({ web: ['web'] }),
    small.take({ both: ['data', 'web'] }),
  ])
  const listed = await (await small.open()).list()
  t.strictSame(listed.map(({ id }) => id).toSorted(), taken.map(({ id }) => id).toSorted())
  t.strictSame((await verifyAll(small.path)).damages, [])
})
