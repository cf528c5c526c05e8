import t from 'tap'
import { planBlobs } from '../../../src/snapshot/prune/plan.ts'
import { decide, type Keepable, type Policy } from '../../../src/snapshot/prune/retention.ts'

const at = (createdAt: string, group = 'db', isWhole = true): Keepable => ({
  id: createdAt,
  createdAt,
  group,
  isWhole,
})
const times = [
  '2026-03-02T00:30:00.000Z',
  '2026-03-01T23:30:00.000Z',
  '2026-03-01T12:10:00.000Z',
  '2026-03-01T12:05:00.000Z',
  '2026-02-28T12:00:00.000Z',
  '2026-02-20T12:00:00.000Z',
  '2026-01-31T12:00:00.000Z',
  '2025-12-31T23:59:59.999Z',
]

const stays = (snapshots: Keepable[], policy: Policy) =>
  decide(snapshots, policy).flatMap((decision) => (decision.stays ? [decision.id] : []))

const rows: [string, Policy, number[]][] = [
  ['nothing asked for keeps all', {}, [0, 1, 2, 3, 4, 5, 6, 7]],
  ['the last', { last: 3 }, [0, 1, 2]],
  ['more than there are', { last: 99 }, [0, 1, 2, 3, 4, 5, 6, 7]],
  ['of each hour the newest', { hourly: 3 }, [0, 1, 2]],
  ['of each day the newest', { daily: 2 }, [0, 1]],
  ['days without a snapshot do not count', { daily: 4 }, [0, 1, 4, 5]],
  ['weeks begin on Monday', { weekly: 2 }, [0, 1]],
  ['weeks over the turn of the year', { weekly: 9 }, [0, 1, 5, 6, 7]],
  ['of each month the newest', { monthly: 3 }, [0, 4, 6]],
  ['each option keeps on its own', { last: 1, daily: 2, monthly: 4 }, [0, 1, 4, 6, 7]],
]

t.test('which snapshots a policy keeps', async (t) => {
  for (const [name, policy, expected] of rows) {
    const all = times.map((time) => at(time))
    t.strictSame(
      stays(all, policy),
      expected.map((index) => times[index]),
      name,
    )
    t.strictSame(
      stays(all.toReversed(), policy).toSorted(),
      expected.map((index) => times[index]).toSorted(),
      `${name}, in another order`,
    )
  }
})

t.test('each set of containers has the policy for itself', async (t) => {
  const all = [
    at('2026-03-02T00:00:00.000Z'),
    at('2026-03-01T00:00:00.000Z'),
    at('2025-01-01T00:00:00.000Z', 'web'),
  ]
  t.strictSame(stays(all, { last: 1 }), ['2026-03-02T00:00:00.000Z', '2025-01-01T00:00:00.000Z'])
  t.strictSame(decide(all, { last: 1, daily: 1 })[2]?.reasons, ['last 1', 'daily 2025-01-01'])
})

t.test('a damaged snapshot stays and is not counted', async (t) => {
  const all = [
    at('2026-03-02T00:00:00.000Z', 'db', false),
    at('2026-03-01T00:00:00.000Z'),
    at('2026-02-01T00:00:00.000Z'),
  ]
  t.strictSame(stays(all, { last: 1 }), ['2026-03-02T00:00:00.000Z', '2026-03-01T00:00:00.000Z'])
})

const pack = (digest: string, storedBytes: number, neededBytes: number, more = {}) => {
  return {
    digest,
    size: storedBytes + 20,
    storedBytes,
    neededBytes,
    isFixed: false,
    isCrowded: false,
    ...more,
  }
}

t.test('which packs are written anew', async (t) => {
  const planned = (...packs: ReturnType<typeof pack>[]) =>
    planBlobs([], new Set(), packs).repack.map(({ digest }) => digest)
  t.strictSame(
    planned(pack('half', 100, 50), pack('less', 100, 49), pack('all', 100, 100), pack('none', 0, 0)),
    ['less'],
  )
  t.strictSame(planned(pack('of a damaged snapshot', 100, 1, { isFixed: true })), [])
  const small = { isCrowded: true }
  t.strictSame(
    planned(pack('a', 9, 9, small), pack('b', 9, 9, small), pack('large', 2 ** 25, 2 ** 25, small)),
    ['a', 'b'],
  )
  t.strictSame(planned(pack('a', 9, 9, small)), [], 'one alone would be written anew each time')
  const { surplus, freedBytes } = planBlobs(
    [
      { digest: 'x', size: 5 },
      { digest: 'y', size: 7 },
    ],
    new Set(['y']),
    [pack('p', 100, 10)],
  )
  t.strictSame(surplus, [{ digest: 'x', size: 5 }])
  t.equal(freedBytes, 95)
})
