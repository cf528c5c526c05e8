import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { Chalk } from 'chalk'
import t from 'tap'
import { describeFinish } from '../../../src/cli/present/recovery.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { Journal, type NewRecord, readJournal } from '../../../src/migrate/journal.ts'
import { finish, type Removal } from '../../../src/migrate/recovery/finish.ts'
import { type Plan, planVersion } from '../../../src/model/plan.ts'

process.env.WHERRY_STATE_DIR = await mkdtemp(join(tmpdir(), 'wherry-unit-'))
process.env.WHERRY_AGENT_IMAGE = 'agent'

interface Copy {
  Id: string
  Name: string
  State: { Running: boolean; StartedAt: string }
  Mounts: { Name: string }[]
}

/** An engine with these containers, which notes what is removed from it. */
function engine(name: string, copies: Copy[], removed: string[] = []): Engine {
  const stream = () => new PassThrough()
  const get = (word: string) => copies.find(({ Id }) => Id === word)
  return {
    name,
    info: { ID: name.toUpperCase() },
    images: { inspect: async () => ({}) },
    containers: {
      inspect: async (id: string) => get(id),
      list: async ({ labels = [] as string[] } = {}) => (labels.includes('wherry.role=target') ? copies : []),
      create: async () => 'lock',
      attach: async () => ({ stdin: stream(), stdout: stream(), stderr: stream() }),
      start: async () => {},
      remove: async (id: string) => void (id === 'lock' || removed.push(id)),
    },
    volumes: { list: async () => [], remove: async (id: string) => void removed.push(id) },
  } as unknown as Engine
}

function planOf(id: string): Plan {
  return {
    id,
    version: planVersion,
    createdAt: '2026-01-01',
    source: { engine: 'a', id: 'A' },
    target: { engine: 'b', id: 'B' },
    containers: [{ name: 'db', sourceId: 's1', wasRunning: true }],
    volumes: [{ name: 'data' }],
    trees: [],
    networks: [],
    ghosts: { onSource: [], onTarget: [], givingWay: [] },
  } as unknown as Plan
}

const fenced: Copy = {
  Id: 's1',
  Name: '/db',
  State: { Running: false, StartedAt: '2026-01-01T00:00:00Z' },
  Mounts: [{ Name: 'data' }],
}
const moved: Copy = { ...fenced, Id: 't1', State: { ...fenced.State, Running: true } }

/** Finishes a complete migration; gives what was asked, what was removed, and what became of the journal. */
async function finished(id: string, onSource: Copy[], onTarget: Copy[]) {
  const plan = planOf(id)
  const journal = await Journal.create(plan)
  const done: NewRecord[] = [{ type: 'commit' }, { type: 'end', status: 'completed' }]
  for (const record of done) await journal.append(record)
  await journal.close()
  const content = await readJournal(id)
  const asked: Removal[] = []
  const removed: string[] = []
  const result = await finish({
    content: content ?? { plan, records: [] },
    source: engine('a', onSource, removed),
    target: engine('b', onTarget),
    report: () => {},
    signal: new AbortController().signal,
    confirm: async (removal) => void asked.push(removal),
  }).catch((error) => error)
  return { result, asked, removed, last: (await readJournal(id))?.records.at(-1) }
}

t.test('finish asks, and removes what it asked about', async (t) => {
  const { asked, removed, last } = await finished('m1', [fenced], [moved])
  t.strictSame(asked, [{ engine: 'a', containers: ['db'], volumes: ['data'] }])
  t.strictSame(removed, ['s1', 'data'])
  t.match(last, { type: 'end', status: 'finished' })
})

t.test('with nothing to remove, finish asks nothing, says so and ends the migration', async (t) => {
  for (const [id, onTarget] of [
    ['m2', [moved]],
    ['m3', []],
  ] as const) {
    const { result, asked, removed, last } = await finished(id, [], [...onTarget])
    t.strictSame(asked, [])
    t.strictSame(removed, [])
    t.match(last, { type: 'end', status: 'finished' })
    const said = describeFinish(result, new Chalk({ level: 0 }))
    t.match(said, /nothing to remove from a: the fenced copy is gone already/)
    t.match(said, /volume data stays.*docker --context a volume rm data/)
  }
})

t.test('the only copy is not removed', async (t) => {
  const { result, removed } = await finished('m4', [fenced], [])
  t.match(result, { code: 'copy-gone', exitCode: 3 })
  t.strictSame(removed, [])
})

t.test('without a journal that says that everything had arrived, the copy must run', async (t) => {
  const { result, asked, removed } = await finished('m5', [fenced], [{ ...moved, State: fenced.State }])
  t.match(result, {
    code: 'copy-at-rest',
    exitCode: 3,
    suggestions: [/rollback m5 --from a --to b/, /docker --context a rm db/],
  })
  t.strictSame([asked, removed], [[], []])
})
