import { PassThrough } from 'node:stream'
import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import { Lock } from '../../../src/launch/lock.ts'

/** An engine that has the lock's container until somebody takes it away. */
function engine(): { engine: Engine; takeAway: () => void } {
  let isThere = true
  const attached = () => ({ stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() })
  const containers = {
    create: async () => 'l1',
    attach: async () => attached(),
    start: async () => {},
    inspect: async () => (isThere ? { State: { Running: true } } : undefined),
    remove: async () => {},
  }
  const takeAway = () => {
    isThere = false
  }
  return { engine: { name: 'prod-1', containers } as unknown as Engine, takeAway }
}

t.test('whoever has lost its lock is told of which migration, and what to type', async (t) => {
  const { engine: prod, takeAway } = engine()
  const container = { id: 'c1', name: 'db' }
  const lock = await Lock.acquire(prod, { image: 'i', migration: '20260101-a', container, labels: {} })
  t.teardown(() => lock.release())
  await lock.assertHeld()
  takeAway()
  const error = await lock.assertHeld().catch((thrown) => thrown)
  t.match(error, {
    code: 'lock-lost',
    exitCode: 6,
    message: /lock on db is gone from prod-1.*migration 20260101-a/,
    data: { migration: '20260101-a', container: 'db', engine: 'prod-1' },
  })
  const said = error.suggestions.join('\n')
  for (const command of ['show 20260101-a', 'list prod-1', 'rollback 20260101-a', 'resume 20260101-a'])
    t.match(said, `wherry migration ${command}`)
})
