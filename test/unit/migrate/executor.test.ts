import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import type { Lock } from '../../../src/launch/lock.ts'
import { execute } from '../../../src/migrate/executor.ts'
import { Journal, type NewRecord, readJournal } from '../../../src/migrate/journal.ts'
import { newRun, type Step } from '../../../src/migrate/run.ts'
import { NotVerifiedError, WherryError } from '../../../src/model/errors.ts'
import { type Plan, planVersion } from '../../../src/model/plan.ts'
import type { ProgressEvent, Report } from '../../../src/model/progress.ts'

process.env.WHERRY_STATE_DIR = await mkdtemp(join(tmpdir(), 'wherry-unit-'))
let number = 0

/** Steps that only note what is done to them. `fails` names the one whose `do` throws, `sticks` the one whose `undo` does. */
function steps(log: string[], { fails = '', sticks = '', error = new Error('it broke') } = {}): Step[] {
  return ['one', 'two', 'three', 'commit', 'after'].map((name) => ({
    name,
    commits: name === 'commit',
    isVital: name === 'two',
    async do() {
      log.push(`do ${name}`)
      if (name === fails) throw error
      return undefined
    },
    async undo() {
      log.push(`undo ${name}`)
      if (name === sticks) throw new Error('it sticks')
    },
  }))
}

async function executed(
  list: Step[],
  signal = new AbortController().signal,
  locks: Lock[] = [],
  report: Report = () => {},
  fullAt = '',
) {
  const plan = {
    id: `m${++number}`,
    version: planVersion,
    target: { engine: 'b' },
    containers: [{ name: 'db' }],
  } as unknown as Plan
  const inspect = async () => ({ State: { Running: true } })
  const engine = (name: string) => ({ name, containers: { inspect } }) as unknown as Engine
  const run = newRun({ plan, source: engine('a'), target: engine('b'), report, signal, locks })
  const journal = await Journal.create(plan)
  let isFull = false
  const append = async (entry: NewRecord) => {
    isFull ||= 'step' in entry && entry.step === fullAt
    if (isFull) throw new Error('the disk is full')
    await journal.append(entry)
  }
  const error = await execute(list, run, { append } as Journal).then(
    () => undefined,
    (thrown: WherryError) => thrown,
  )
  await journal.close()
  const records = (await readJournal(plan.id))?.records ?? []
  return {
    error,
    written: records.map((record) => ('step' in record ? `${record.type} ${record.step}` : record.type)),
    records,
  }
}

t.test('steps are done in order, each written down before and after', async (t) => {
  const log: string[] = []
  const { error, written } = await executed(steps(log))
  t.equal(error, undefined)
  t.strictSame(log, ['do one', 'do two', 'do three', 'do commit', 'do after'])
  t.strictSame(written, [
    'process',
    'intent one',
    'done one',
    'intent two',
    'done two',
    'intent three',
    'done three',
    'intent commit',
    'done commit',
    'commit',
    'intent after',
    'done after',
  ])
})

t.test('a failure before the commit point undoes everything that was begun, newest first', async (t) => {
  const log: string[] = []
  const { error, records } = await executed(steps(log, { fails: 'three' }))
  t.strictSame(log, ['do one', 'do two', 'do three', 'undo three', 'undo two', 'undo one'])
  t.equal(error?.exitCode, 4)
  t.match(error?.message, /it broke.*Everything is back as it was: db on a/)
  t.match(records.at(-1), { type: 'end', status: 'rolled-back' })
})

t.test('a signal during the rollback is not taken for its reason', async (t) => {
  const control = new AbortController()
  const list = steps([], { fails: 'three' })
  const second = list[1] as Step
  list[1] = { ...second, undo: async () => control.abort() }
  const { error } = await executed(list, control.signal)
  t.equal(error?.exitCode, 4)
  t.match(error?.message, /it broke/)
})

t.test('data that did not verify has its own exit code', async (t) => {
  const { error } = await executed(steps([], { fails: 'three', error: new NotVerifiedError('differs') }))
  t.equal(error?.exitCode, 8)
})

t.test(
  'an undo that fails stops the rollback: the source must not start while the target may run',
  async (t) => {
    const log: string[] = []
    const { error, records } = await executed(steps(log, { fails: 'three', sticks: 'two' }))
    t.strictSame(log, ['do one', 'do two', 'do three', 'undo three', 'undo two'])
    t.equal(error?.exitCode, 5)
    t.match(error?.message, /Rolling back stopped at "two": it sticks/)
    t.match(records.at(-1), { type: 'end', status: 'needs-user' })
  },
)

t.test('nothing is undone after the commit point', async (t) => {
  const log: string[] = []
  const { error } = await executed(steps(log, { fails: 'after' }))
  t.notMatch(log.join(), /undo/)
  t.equal(error?.exitCode, 5)
  t.match(error?.message, /committed and the target runs/)
})

t.test(
  'a disk that is full keeps nothing from its end after the commit, and is a rollback before',
  async (t) => {
    for (const [when, expected] of [
      ['after', ['do commit', 'do after']],
      ['three', ['do two', 'undo two', 'undo one']],
    ] as const) {
      const log: string[] = []
      const said: ProgressEvent[] = []
      const { error } = await executed(steps(log), undefined, [], (event) => said.push(event), when)
      t.match(log.slice(-expected.length), expected)
      const warnings = said.filter(({ type }) => type === 'warning')
      t.match(warnings, [{ code: 'journal-not-written' }])
      t.equal(warnings.length, 1)
      if (when === 'after') t.equal(error, undefined)
      else {
        t.match(error, { code: 'journal-not-writable', exitCode: 4, message: /journal.*disk is full/ })
        t.match(error?.suggestions.join(), /WHERRY_STATE_DIR=.*"wherry migration list" will not show it/)
      }
    }
  },
)

t.test('an interruption rolls back, with the exit code that shells know', async (t) => {
  const log: string[] = []
  const control = new AbortController()
  const list = steps(log)
  const second = list[1] as Step
  list[1] = {
    ...second,
    do: (run) => {
      control.abort()
      return second.do(run)
    },
  }
  const { error } = await executed(list, control.signal)
  t.strictSame(log, ['do one', 'do two', 'undo two', 'undo one'])
  t.equal(error?.exitCode, 130)
})

t.test('a signal that comes when the target serves already is said to have come too late', async (t) => {
  const log: string[] = []
  const said: ProgressEvent[] = []
  const control = new AbortController()
  const list = steps(log)
  const third = list[2] as Step
  list[2] = {
    ...third,
    do: async (run) => {
      control.abort()
      return third.do(run)
    },
  }
  const { error } = await executed(list, control.signal, [], (event) => said.push(event))
  t.equal(error, undefined)
  t.strictSame(log.slice(-2), ['do commit', 'do after'])
  t.match(said, [{ code: 'interrupted-too-late', message: /db serves on b.*migration rollback m\d/ }])
})

t.test('what nothing depends on and cannot be undone is left over, and the source comes back', async (t) => {
  const log: string[] = []
  const { error, records } = await executed(steps(log, { fails: 'three', sticks: 'one' }))
  t.equal(error?.exitCode, 4)
  t.match(error?.data, {
    left: ['one'],
    leftBecause: [{ step: 'one', reason: 'it sticks' }],
    rolledBack: true,
  })
  t.equal(error?.suggestions[0], 'Not taken away ("one"): it sticks')
  t.match(error?.message, /it broke\. Back on a as it was: db\. Not everything/)
  t.notMatch(error?.suggestions.join(), /did not answer/)
  t.match(error?.suggestions[1], /wherry migration rollback m\d/)
  t.ok(records.some((record) => record.type === 'failed' && record.step === 'one'))
  t.match(records.at(-1), { type: 'end', status: 'rolled-back', left: ['one'] })
})

t.test('whoever has lost its lock does nothing any more, and undoes nothing', async (t) => {
  const log: string[] = []
  const list = steps(log)
  let asserted = 0
  const lock = {
    async assertHeld() {
      if (++asserted === 3) throw new WherryError('lock-lost', 6, 'another run has it')
    },
  }
  const { error } = await executed(list, undefined, [lock as unknown as Lock])
  t.strictSame(log, ['do one', 'do two'])
  t.equal(error?.exitCode, 6)
})

t.test('whoever finds its lock lost when it begins to roll back undoes nothing either', async (t) => {
  const log: string[] = []
  let asserted = 0
  const lock = {
    async assertHeld() {
      if (++asserted === 2) throw new WherryError('lock-lost', 6, 'another run has it')
    },
  }
  const list = steps(log, { fails: 'one' })
  const { error, records } = await executed(list, undefined, [lock as unknown as Lock])
  t.strictSame(log, ['do one'])
  t.match(error, { code: 'lock-lost', exitCode: 6 })
  t.notOk(
    records.some(({ type }) => type === 'end'),
    'the end is for the other run to write',
  )
})
