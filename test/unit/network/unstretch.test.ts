import t from 'tap'
import { askToPart } from '../../../src/cli/present/network.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { stretchNetworks } from '../../../src/migrate/steps/stretch.ts'
import { migrationLabel, roleLabel } from '../../../src/model/plan.ts'
import type { ProgressEvent } from '../../../src/model/progress.ts'
import { findStretched, type KnownNetwork } from '../../../src/network/members.ts'
import { membershipsOn } from '../../../src/network/membership.ts'
import { forget, goneMembers, partAll, usersOn } from '../../../src/network/unstretch.ts'
import { FakeEngine, recordOf } from './fake-engine.ts'

const quiet = () => {}
const ghostLabels = (of: string) => ({ [roleLabel]: 'ghost', 'wherry.ghost-of': of })
const addGhost = (engine: FakeEngine, of: string, labels: Record<string, string>, ...on: string[]) =>
  engine.add(`wherry-ghost-${of}`, { ...ghostLabels(of), ...labels }, ...on)
const names = ({ made }: FakeEngine) => made.map(({ Name }) => Name)

/** Engines a and b, both with the network; those after them are on record only. */
function stretched(labels: { a?: object; b?: object } = {}, ...further: string[]): [FakeEngine, FakeEngine] {
  const [a, b] = [new FakeEngine('a'), new FakeEngine('b')]
  a.addKeeper({ ...recordOf('a', 'b', ...further), madeNetwork: false }, { ...labels.a })
  b.addKeeper(recordOf('b', 'a', ...further), { ...labels.b })
  for (const { networks } of [a, b]) networks.push({ Id: 'n', Name: 'net' })
  return [a, b]
}

async function known(...engines: FakeEngine[]): Promise<KnownNetwork> {
  const [one] = await findStretched(
    engines.map(({ engine }) => engine),
    [],
    'net',
  )
  if (!one) throw new Error('it is not stretched')
  return one
}

const membersOf = async ({ engine }: FakeEngine) =>
  (await membershipsOn(engine))[0]?.record.members.map((member) => member.engine)

t.test('parting takes the ghosts first, and the network that was made', async (t) => {
  const [a, b] = stretched()
  a.add('web', {}, 'net')
  addGhost(a, 'db', {}, 'net')
  addGhost(b, 'web', {}, 'net')
  const both = addGhost(b, 'cache', {}, 'net', 'other')
  const parted = await partAll(await known(a, b), quiet)
  t.match(parted, [
    { engine: 'a', networkIs: 'kept' },
    { engine: 'b', networkIs: 'removed' },
  ])
  t.strictSame(names(a), ['web'])
  t.strictSame(names(b), ['wherry-ghost-cache'])
  t.strictSame(Object.keys(both.networks), ['other'], 'what it holds elsewhere stays')
})

t.test('a network that was made stays for a container on it that does not run', async (t) => {
  const [a, b] = stretched()
  b.add('late', {}, 'net').isRunning = false
  t.match(await partAll(await known(a, b), quiet), [{}, { engine: 'b', networkIs: 'kept' }])
})

t.test('a member that answers and has lost its keeper is no obstacle', async (t) => {
  const [a, b] = stretched()
  await b.containers.remove('wherry-stretch-net')
  addGhost(b, 'web', {}, 'net')
  const found = await known(a, b)
  t.match(found, { missing: [{ engine: 'b', isAbsent: false }], memberships: [{ network: 'net' }] })
  t.match(await partAll(found, quiet), [{ engine: 'a' }])
  t.strictSame(names(b), [], 'its ghosts go')
})

t.test('a member that is gone is told of, and can be forgotten', async (t) => {
  const [a, b] = stretched({}, 'context-that-is-not')
  const found = await known(a, b)
  t.match(found.missing, [{ engine: 'context-that-is-not', id: 'id-context-that-is-not', isAbsent: true }])
  for (const name of ['a', 'nobody']) t.throws(() => goneMembers(found, [name]), { code: 'not-gone' })
  const parted = await forget(found.memberships, goneMembers(found, ['context-that-is-not']), quiet)
  t.strictSame(parted, [])
  t.strictSame(await membersOf(a), ['a', 'b'])
  t.strictSame((await membershipsOn(b.engine))[0]?.record, recordOf('b', 'a'))
})

t.test('one that is left alone is parted', async (t) => {
  const a = new FakeEngine('a')
  a.addKeeper(recordOf('a', 'context-that-is-not'))
  a.networks.push({ Id: 'n', Name: 'net' })
  const found = await known(a)
  const ids = goneMembers(found, ['context-that-is-not'])
  t.match(await forget(found.memberships, ids, quiet), [{ engine: 'a', networkIs: 'removed' }])
  t.strictSame(a.made, [])
})

t.test('the question names who is on the network', async (t) => {
  const [a, b] = stretched()
  a.add('web', {}, 'net')
  addGhost(b, 'web', {}, 'net')
  const users = await Promise.all([a, b].map(({ engine }) => usersOn(engine, 'net')))
  const question = 'On it on a: web. Ghosts that go from b: those of web. Part net between a and b?'
  t.equal(askToPart('net', users), question)
})

const mine = { [migrationLabel]: 'first' }

/** Undoes the step of migration `first` from a to b, and gives its warnings. */
async function undone(a: FakeEngine, b: FakeEngine): Promise<string[]> {
  const events: ProgressEvent[] = []
  const engine = (one: FakeEngine): Engine => Object.assign(one.engine, { isAbsent: false })
  const run = {
    plan: { id: 'first', source: { id: 'id-a' }, target: { id: 'id-b' } },
    source: engine(a),
    target: engine(b),
    report: (event: ProgressEvent) => events.push(event),
  }
  await stretchNetworks.undo?.(run as never)
  return events.flatMap((event) => (event.type === 'warning' ? event.message : []))
}

t.test('undoing a migration parts what it stretched', async (t) => {
  const [a, b] = stretched({ a: mine, b: mine })
  a.add('peer', {}, 'net')
  b.add('copy', mine, 'net')
  addGhost(b, 'peer', mine, 'net')
  t.strictSame(await undone(a, b), [])
  t.strictSame(names(a), ['peer'])
  t.strictSame(names(b), ['copy'])
})

t.test('undoing a migration takes only what it added from a network that was stretched before', async (t) => {
  const [a, b] = stretched({ b: mine }, 'context-that-is-not')
  t.strictSame(await undone(a, b), [])
  t.strictSame(names(b), [])
  t.strictSame(await membersOf(a), ['a', 'context-that-is-not'])
})

t.test('undoing a migration leaves a link that others need', async (t) => {
  const cases: [string, RegExp, (a: FakeEngine, b: FakeEngine) => unknown][] = [
    ['a container', /late on b/, (_, b) => b.add('late', {}, 'net')],
    [
      'a ghost of another migration',
      /wherry-ghost-db on a/,
      (a) => addGhost(a, 'db', { [migrationLabel]: 'second' }, 'net'),
    ],
  ]
  for (const [name, says, prepare] of cases) {
    const [a, b] = stretched({ a: mine, b: mine })
    prepare(a, b)
    const before = [names(a), names(b)]
    const [warning = '', ...more] = await undone(a, b)
    t.strictSame([names(a), names(b)], before, name)
    t.match(warning, says)
    t.match(warning, /net stays stretched.*wherry network unstretch net$/)
    t.strictSame(more, [])
  }
})
