import t from 'tap'
import { migrationLabel, roleLabel } from '../../../src/model/plan.ts'
import { assertJoined, placeKeeper, putBack, removeKeeper, type Undo } from '../../../src/network/keepers.ts'
import { keeperLabels, type Membership, membershipsOn } from '../../../src/network/membership.ts'
import { FakeEngine, recordOf } from './fake-engine.ts'

const wider = recordOf('a', 'b', 'c')
const labels = { [migrationLabel]: 'second' }

async function onlyKeeper({ engine }: FakeEngine): Promise<Membership> {
  const [one, ...more] = await membershipsOn(engine)
  if (!one || more.length > 0) throw new Error('there is not one keeper')
  return one
}

/** An engine with a keeper, replaced by one with a wider record. */
async function replaced(): Promise<{ a: FakeEngine; undo: Undo[] }> {
  const a = new FakeEngine('a')
  a.addKeeper(recordOf('a', 'b'), { [migrationLabel]: 'first' })
  const undo: Undo[] = []
  const request = { engine: a.engine, image: 'new', record: wider, labels }
  await placeKeeper(request, await onlyKeeper(a), undo)
  return { a, undo }
}

t.test('a keeper that was there keeps its labels, and a new one gets them', async (t) => {
  const { a } = await replaced()
  t.match(await onlyKeeper(a), { record: wider, image: 'new', isRunning: true })
  t.equal((await onlyKeeper(a)).labels[migrationLabel], 'first')
  const b = new FakeEngine('b')
  await placeKeeper({ engine: b.engine, image: 'new', record: wider, labels }, undefined, [])
  t.equal((await onlyKeeper(b)).labels[migrationLabel], 'second')
})

t.test('a keeper that is as it should be is left alone', async (t) => {
  const { a } = await replaced()
  const before = await onlyKeeper(a)
  const undo: Undo[] = []
  await placeKeeper({ engine: a.engine, image: 'other', record: wider, labels }, before, undo)
  t.strictSame(await onlyKeeper(a), before)
  t.equal(undo.length, 0)
})

t.test('a replaced keeper is put back as it was', async (t) => {
  const { a, undo } = await replaced()
  t.strictSame(await putBack(undo), [])
  const now = await onlyKeeper(a)
  t.match(now, { record: recordOf('a', 'b'), image: 'i', isRunning: true })
  t.equal(now.labels[migrationLabel], 'first')
})

t.test('one that does not start is undone too', async (t) => {
  const a = new FakeEngine('a')
  a.failStart = true
  const undo: Undo[] = []
  await t.rejects(placeKeeper({ engine: a.engine, image: 'new', record: wider, labels }, undefined, undo))
  a.failStart = false
  t.strictSame(await putBack(undo), [])
  t.strictSame(a.made, [])
})

t.test('all is undone, from the last to the first, also after one that fails', async (t) => {
  const done: number[] = []
  const step =
    (number: number, fails = false) =>
    async () => {
      done.push(number)
      if (fails) throw new Error(`no ${number}`)
    }
  t.strictSame(await putBack([step(1), step(2, true), step(3, true)]), ['no 3', 'no 2'])
  t.strictSame(done, [3, 2, 1])
})

t.test('a link is taken away by a run of its own, and a stopped keeper is not started for it', async (t) => {
  const a = new FakeEngine('a')
  a.addKeeper(wider).isRunning = false
  await removeKeeper(await onlyKeeper(a))
  t.strictSame(a.started, ['unstretch'])
  t.strictSame(a.made, [])
})

t.test('a link that cannot be taken away is told of, and can be taken away later', async (t) => {
  const a = new FakeEngine('a')
  a.addKeeper(wider)
  a.endsWith = 1
  a.log = 'busy'
  const message = /link of net on a could not be taken away: busy/
  await t.rejects(removeKeeper(await onlyKeeper(a)), { code: 'link-not-removed', message })
  t.match(await onlyKeeper(a), { isRunning: false, record: wider })
  a.endsWith = 0
  await removeKeeper(await onlyKeeper(a))
  t.strictSame(a.made, [])
})

t.test('a keeper that could not join is told of in its own words', async (t) => {
  const a = new FakeEngine('a')
  a.log = 'net: not joined: nft: Operation not supported\n'
  const message = 'a says: net: not joined: nft: Operation not supported'
  await t.rejects(assertJoined(a.engine, 'net', 100), { code: 'not-joined', message })
  for (const log of ['net: set the filters, joined wherry9', 'net: joined', '']) {
    a.log = log
    await t.resolves(assertJoined(a.engine, 'net', 100))
  }
})

t.test('records that cannot be, or cannot be read, are left out', async (t) => {
  const a = new FakeEngine('a')
  const good = keeperLabels('net', recordOf('a', 'b'))
  const { settings } = wider
  const bad = [
    '',
    '{',
    'null',
    '[]',
    JSON.stringify({ ...wider, members: undefined }),
    JSON.stringify({ ...wider, members: [{ engine: 1, id: 'b' }] }),
    JSON.stringify({ ...wider, madeNetwork: 'yes' }),
    JSON.stringify({ ...wider, settings: { ...settings, network: 'other' } }),
    JSON.stringify({ ...wider, settings: { ...settings, vni: '1; flush ruleset' } }),
  ]
  for (const label of bad) a.add(`x${label}`, { ...good, 'wherry.stretch': label })
  t.strictSame(await membershipsOn(a.engine), [])
  a.add('good', good)
  t.equal((await onlyKeeper(a)).network, 'net')
})

t.test("somebody else's container of that name is not removed", async (t) => {
  const a = new FakeEngine('a')
  a.add('wherry-stretch-net', { [roleLabel]: 'other' })
  await t.rejects(placeKeeper({ engine: a.engine, image: 'new', record: wider, labels }, undefined, []))
  t.equal(a.made.length, 1)
})
