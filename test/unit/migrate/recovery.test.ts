import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import type { Lock } from '../../../src/launch/lock.ts'
import { carryBack } from '../../../src/migrate/carry-back.ts'
import { withJournal } from '../../../src/migrate/complete.ts'
import { leaveForwarding, removeForwarding } from '../../../src/migrate/forwarding.ts'
import { Journal, type JournalRecord, type NewRecord } from '../../../src/migrate/journal.ts'
import { assertNotMovedOn, assertNotReplaced } from '../../../src/migrate/recovery/moved-on.ts'
import { openJournalOrNone } from '../../../src/migrate/recovery/open-journal.ts'
import { rollBack } from '../../../src/migrate/rollback.ts'
import { newRun, type RunParts, type Step } from '../../../src/migrate/run.ts'
import { stateOf } from '../../../src/migrate/state.ts'
import { bringToRest } from '../../../src/migrate/steps/rest.ts'
import type { WherryError } from '../../../src/model/errors.ts'
import { type Plan, planVersion } from '../../../src/model/plan.ts'
import type { ProgressEvent } from '../../../src/model/progress.ts'

process.env.WHERRY_STATE_DIR = await mkdtemp(join(tmpdir(), 'wherry-unit-'))

interface Container {
  Id: string
  Name: string
  HostConfig?: object
  State: { Running: boolean; Paused?: boolean; StartedAt?: string }
  Config?: { Labels: Record<string, string> }
}

interface Volume {
  Name: string
  Labels: Record<string, string>
}

/** An engine with these containers, which notes what is started on it. */
function engine(
  name: string,
  containers: Container[],
  started: string[] = [],
  volumes: Volume[] = [],
): Engine {
  const get = (word: string) => containers.find(({ Id, Name }) => Id === word || Name === `/${word}`)
  return {
    name,
    containers: {
      inspect: async (word: string) => get(word),
      list: async ({ labels = [] as string[] } = {}) =>
        labels.includes('wherry.role=target') ? containers : [],
      start: async (word: string) => {
        if (word === 'stuck') throw new Error('its port is taken')
        started.push(word)
      },
    },
    volumes: {
      create: async ({ Name, Labels }: Volume) => void volumes.push({ Name, Labels }),
      list: async () => volumes,
      remove: async (word: string) =>
        void volumes.splice(0, Infinity, ...volumes.filter(({ Name }) => Name !== word)),
    },
  } as unknown as Engine
}

function plan(id: string, createdAt = '2026-01-01'): Plan {
  const container = { name: 'db', sourceId: 's1', wasRunning: true, stage: 0, manifest: { hostConfig: {} } }
  return {
    id,
    version: planVersion,
    createdAt,
    source: { engine: 'a', id: 'A' },
    target: { engine: 'b', id: 'B' },
    containers: [container],
    trees: [],
    networks: [],
    ghosts: { onSource: [], onTarget: [], givingWay: [] },
  } as unknown as Plan
}

const dated = (...list: NewRecord[]): JournalRecord[] => list.map((record) => ({ at: '', ...record }))
const complete: NewRecord[] = [
  { type: 'intent', step: 'fence' },
  { type: 'intent', step: 'rest' },
  { type: 'done', step: 'final-round', data: { trees: [{ id: 'v', targetDigest: 'd' }] } },
]
const running: Container = { Id: 's1', Name: '/db', State: { Running: true } }
const stopped: Container = { Id: 's1', Name: '/db', State: { Running: false, StartedAt: 'first' } }
const copy: Container = {
  Id: 't1',
  Name: '/db',
  HostConfig: {},
  State: { Running: false, StartedAt: '2026-01-01T01:00:00Z' },
}

function run(parts: Partial<RunParts>) {
  return newRun({
    plan: plan('m'),
    source: engine('a', [stopped]),
    target: engine('b', [copy]),
    report: () => {},
    signal: new AbortController().signal,
    locks: [],
    ...parts,
  })
}

async function failure(action: Promise<unknown>): Promise<WherryError | undefined> {
  return action.then(
    () => undefined,
    (error) => error,
  )
}

t.test('what a copy wrote after it had been carried back is carried back again', async (t) => {
  const done = { type: 'done', step: 'carry-back' } as const
  const at = async (startedAt: string) => {
    const state = stateOf(dated({ ...done, data: { started: { t1: startedAt } } }))
    // A source that runs shows whether the work is begun: it is refused then.
    const taken = run({ state, source: engine('a', [running]) })
    return failure(carryBack(taken, {} as Journal))
  }
  t.equal(await at(copy.State.StartedAt ?? ''), undefined)
  t.match(await at('2026-01-01T00:00:00Z'), { code: 'source-still-running' })
})

t.test('the only complete copy is not taken away when somebody removed the source', async (t) => {
  const undone: string[] = []
  const step: Step = {
    name: 'rest',
    do: async () => undefined,
    undo: async () => void undone.push('rest'),
  }
  const journal = await Journal.create(plan('gone'))
  const gone = run({ source: engine('a', []), state: stateOf(dated(...complete)) })
  const error = await failure(rollBack([step], gone, journal, new Error('no')))
  t.match(error, { code: 'source-gone', exitCode: 5 })
  t.strictSame(undone, [])
  await journal.close()
})

t.test('one that cannot start again is no reason to leave the others stopped', async (t) => {
  const started: string[] = []
  const source = engine(
    'a',
    [
      { ...stopped, Id: 'stuck' },
      { ...stopped, Id: 's2' },
    ],
    started,
  )
  const two = plan('two')
  const [first] = two.containers
  two.containers = [
    { ...first, sourceId: 'stuck' },
    { ...first, sourceId: 's2' },
  ] as Plan['containers']
  t.match(await failure(bringToRest.undo?.(run({ source, plan: two })) as Promise<void>), {
    message: /port is taken/,
  })
  t.strictSame(started, ['s2'])
})

t.test('a rollback goes on without a journal that cannot be written, and says so once', async (t) => {
  const undone: string[] = []
  const said: ProgressEvent[] = []
  const steps = ['containers', 'fence'].map(
    (name): Step => ({
      name,
      isVital: name === 'fence',
      do: async () => undefined,
      undo: async () => void undone.push(name),
    }),
  )
  const state = stateOf(dated({ type: 'intent', step: 'containers' }, { type: 'intent', step: 'fence' }))
  const back = run({ source: engine('a', [running]), state, report: (event) => said.push(event) })
  const journal = Journal.unwritable(new Error('no space left on device'))
  const { left, where } = await rollBack(steps, back, journal, undefined)
  t.strictSame({ undone, left }, { undone: ['fence', 'containers'], left: [] })
  t.match(where, /Everything is back/)
  t.equal(back.state.status, 'rolled-back', 'what is not written is known all the same')
  const warnings = said.filter(({ type }) => type === 'warning')
  t.match(warnings, [{ code: 'journal-not-written', message: /no space left on device.*migration m / }])
  t.equal(warnings.length, 1)
  t.match(back.unwritten, { code: 'journal-not-written' })
  await journal.close()
})

t.test('a journal that cannot be opened is no error of a rollback', async (t) => {
  const file = join(process.env.WHERRY_STATE_DIR ?? '', 'a-file')
  await writeFile(file, '')
  const before = process.env.WHERRY_STATE_DIR
  t.teardown(() => {
    process.env.WHERRY_STATE_DIR = before
  })
  process.env.WHERRY_STATE_DIR = file
  const journal = await openJournalOrNone({ plan: plan('m'), records: [] }, 'rollback')
  await t.rejects(journal.append({ type: 'undo-intent', step: 'fence' }), { code: 'ENOTDIR' })
})

t.test('a journal that cannot be opened leaves the lock of a migration that is half-way', async (t) => {
  for (const [isResumed, status, kept] of [
    [true, 'unfinished', true],
    [true, 'completed', false],
    [false, 'unfinished', false],
  ] as const) {
    let released = false
    const release = async () => {
      released = true
    }
    const lock = { release } as unknown as Lock
    const taken = run({ locks: [lock], isResumed, state: { ...stateOf([]), status } })
    const open = async () => {
      throw new Error('read-only file system')
    }
    t.match(await failure(withJournal(taken, 'resume', open, async () => {})), {
      code: 'journal-not-writable',
      exitCode: 3,
      message: /read-only/,
      suggestions: [
        /Make room/,
        'Or keep it elsewhere: WHERRY_STATE_DIR=DIRECTORY wherry migration resume m --from a --to b',
      ],
    })
    t.equal(released, !kept, `${status}, ${isResumed ? 'taken over' : 'new'}`)
  }
})

t.test('what a later migration moved on is not taken back by the earlier one', async (t) => {
  const earlier = { plan: plan('m'), records: dated({ type: 'intent', step: 'start' }) }
  const later = { ...plan('n', '2026-02-01'), target: { engine: 'c', id: 'C' } }
  later.containers = [{ ...later.containers[0], sourceId: 't1' }] as Plan['containers']
  const journal = await Journal.create(later)
  t.equal(await failure(assertNotMovedOn(run({}), earlier)), undefined, 'it has not begun')
  await journal.append({ type: 'intent', step: 'fence' })
  await journal.append({ type: 'commit' })
  const error = await failure(assertNotMovedOn(run({}), earlier))
  t.match(error, {
    code: 'moved-on',
    exitCode: 3,
    suggestions: ['Take that one back first: wherry migration rollback n'],
  })
  const ids = { type: 'done', step: 'containers', data: { ids: { db: 't1' } } } as const
  const removed = run({ target: engine('b', []) })
  t.match(await failure(assertNotMovedOn(removed, { ...earlier, records: dated(ids) })), { code: 'moved-on' })
  await journal.append({ type: 'end', status: 'rolled-back' })
  t.equal(await failure(assertNotMovedOn(run({}), earlier)), undefined, 'it was taken back')
  await journal.close()
})

t.test('what was moved on from another machine is known on the engine that it left', async (t) => {
  const earlier = { plan: plan('m-far'), records: [] }
  const middle = engine('b', [copy])
  const on = { ...plan('n-far'), target: { engine: 'c', id: 'C' } }
  const manifest = { hostConfig: {}, config: { Labels: { 'wherry.role': 'target' } } }
  on.containers = [{ ...on.containers[0], sourceId: 't1', manifest }] as unknown as Plan['containers']
  await leaveForwarding(on, middle)
  t.match(await failure(assertNotMovedOn(run({ plan: earlier.plan, target: middle }), earlier)), {
    code: 'moved-on',
    exitCode: 3,
    message: /db was moved on from b to c by migration n-far, from another machine/,
    suggestions: [
      /rollback n-far --from b --to c/,
      /migrate db --from c --to a/,
      /volume rm wherry-n-far-forwarding/,
    ],
  })
  const taking = run({ plan: on, source: middle })
  t.equal(
    await failure(assertNotMovedOn({ ...taking, target: middle }, { plan: on, records: [] })),
    undefined,
    'it does not stop itself',
  )
  await removeForwarding(on, middle)
  t.equal(await failure(assertNotMovedOn(run({ plan: earlier.plan, target: middle }), earlier)), undefined)
})

t.test('where nothing came from an earlier migration, no forwarding address is left', async (t) => {
  const volumes: Volume[] = []
  const manifest = { hostConfig: {}, config: { Labels: {} } }
  const first = plan('first')
  first.containers = [{ ...first.containers[0], manifest }] as unknown as Plan['containers']
  await leaveForwarding(first, engine('a', [], [], volumes))
  t.strictSame(volumes, [])
})

t.test('a container that was made anew under the name of the copy is not overlooked', async (t) => {
  const anew = (Labels: Record<string, string>) =>
    engine('b', [{ Id: 'x', Name: '/db', State: { Running: true }, Config: { Labels } }])
  const state = stateOf(dated({ type: 'intent', step: 'start' }))
  t.match(await failure(assertNotReplaced(run({ state, target: anew({}) }))), { code: 'copy-replaced' })
  t.equal(
    await failure(assertNotReplaced(run({ state, target: anew({ 'wherry.migration': 'm' }) }))),
    undefined,
  )
})
