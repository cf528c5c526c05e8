import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import type { Ghost, GhostEndpoint } from '../../../src/model/ghost.ts'
import { isSame, namesOn, withOthers } from '../../../src/network/reconcile.ts'

const endpoint = (parts: Partial<GhostEndpoint> = {}): GhostEndpoint => ({
  network: 'one',
  ipv4: '10.9.0.2',
  ipv6: '',
  mac: '02:00:00:00:00:01',
  names: ['db', 'store'],
  ...parts,
})
const ghost = (...endpoints: GhostEndpoint[]): Ghost => ({ of: 'db', endpoints })
const two = endpoint({ network: 'two', ipv4: '10.8.0.2' })
const old = { version: '26.1.5+dfsg1' } as Engine
const recent = { version: '28.5.2' } as Engine

t.test('an engine that gives ghosts MAC addresses of its own is not asked again and again', async (t) => {
  const other = ghost(endpoint({ mac: '02:00:00:00:00:02' }))
  t.ok(isSame(ghost(endpoint()), other, recent))
  t.notOk(isSame(ghost(endpoint()), other, old))
  t.notOk(isSame(ghost(endpoint()), ghost(endpoint({ ipv4: '10.9.0.3' })), recent))
})

t.test('the same but for the order', async (t) => {
  t.ok(isSame(ghost(endpoint()), ghost(endpoint({ names: ['store', 'db'] })), old))
  t.ok(isSame(ghost(endpoint(), two), ghost(two, endpoint()), old))
})

t.test('whatever else differs makes another ghost', async (t) => {
  const differing: Partial<GhostEndpoint>[] = [
    { network: 'two' },
    { ipv4: '10.9.0.3' },
    { ipv6: 'fd00::2' },
    { mac: '02:00:00:00:00:02' },
    { names: ['db'] },
    { names: ['db', 'store', 'more'] },
  ]
  for (const parts of differing)
    t.notOk(isSame(ghost(endpoint()), ghost(endpoint(parts)), old), JSON.stringify(parts))
  t.notOk(isSame(ghost(endpoint()), ghost(endpoint(), two), old))
  t.notOk(isSame(ghost(endpoint()), { ...ghost(endpoint()), of: 'web' }, old))
})

t.test('comparing leaves both as they are', async (t) => {
  const one = ghost(two, endpoint({ names: ['store', 'db'] }))
  const before = structuredClone(one)
  isSame(one, one, old)
  t.strictSame(one, before)
})

t.test('a name each, none that is empty', async (t) => {
  t.strictSame(namesOn('db', ['store', 'db'], 'host'), ['db', 'store', 'host'])
  t.strictSame(namesOn('db', []), ['db'])
})

t.test('a ghost keeps what it holds on other networks', async (t) => {
  const [now, there] = [endpoint({ ipv4: '10.9.0.7' }), ghost(endpoint(), two)]
  t.strictSame(withOthers(ghost(now), there, ['one']), ghost(now, two))
  t.strictSame(withOthers(ghost(), there, ['one']), ghost(two), 'also where it is of no use on these')
  t.strictSame(withOthers(ghost(), there, ['one', 'two']), ghost())
  t.strictSame(withOthers(ghost(now), undefined, ['one']), ghost(now))
})
