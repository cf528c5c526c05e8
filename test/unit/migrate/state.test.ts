import { type FileHandle, mkdtemp, open, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import {
  Journal,
  migrationsDirectory,
  type NewRecord,
  parseJournal,
  readJournal,
} from '../../../src/migrate/journal.ts'
import { stepsOf } from '../../../src/migrate/procedure.ts'
import { isComplete, stateOf } from '../../../src/migrate/state.ts'
import { type Plan, planVersion } from '../../../src/model/plan.ts'

process.env.WHERRY_STATE_DIR = await mkdtemp(join(tmpdir(), 'wherry-unit-'))
const plan = {
  id: 'm',
  version: planVersion,
  options: { mode: 'warm' },
  networks: [],
  ghosts: { onSource: [], onTarget: [], givingWay: [] },
  note: 'größer als ASCII',
} as unknown as Plan
const names = stepsOf(plan).map(({ name }) => name)

/** A whole migration, taken back after its commit. */
const whole: NewRecord[] = [
  ...names.flatMap((step): NewRecord[] => [
    { type: 'intent', step },
    {
      type: 'done',
      step,
      ...(step === 'final-round' ? { data: { trees: [{ id: 'volume:v', targetDigest: 'd1' }] } } : {}),
    },
    ...(step === 'commit' ? [{ type: 'commit' } as const] : []),
  ]),
  { type: 'end', status: 'completed' },
  { type: 'process', command: 'rollback', pid: 1, host: 'h' },
  { type: 'done', step: 'carry-back' },
  ...names.toReversed().flatMap((step): NewRecord[] => [
    { type: 'undo-intent', step },
    { type: 'undone', step },
  ]),
  { type: 'end', status: 'rolled-back' },
]

const journal = await Journal.create(plan)
for (const record of whole) await journal.append(record)
await journal.close()
const path = join(migrationsDirectory(), 'm', 'journal.jsonl')
const bytes = await readFile(path)
const lines = bytes.toString().trimEnd().split('\n')

t.test('a journal cut at any byte says exactly what its whole records say', async (t) => {
  let wrong = 0
  for (let cut = 0; cut <= bytes.length; cut++) {
    const content = parseJournal(bytes.subarray(0, cut))
    const wholeLines = bytes.subarray(0, cut).toString('latin1').split('\n').length - 1
    if (content === undefined ? wholeLines > 0 : content.records.length !== wholeLines - 1) wrong++
    // What was begun by then is known: the intent is on the disk before the work begins.
    const begun = new Set<string>()
    for (const line of lines.slice(1, Math.max(1, wholeLines))) {
      const record = JSON.parse(line)
      if (record.type === 'intent') begun.add(record.step)
      if (record.type === 'undone') begun.delete(record.step)
    }
    const state = stateOf(content?.records ?? [])
    if ([...begun].join() !== [...state.begun].join()) wrong++
    if (state.committed !== lines.slice(0, wholeLines).some((line) => JSON.parse(line).type === 'commit'))
      wrong++
  }
  t.equal(wrong, 0)
  t.ok(bytes.length > 3000)
})

t.test('a journal cut at any byte can be gone on with', async (t) => {
  let wrong = 0
  const planEnd = bytes.indexOf(10) + 1
  // Every byte of the first records and of the last; the records between are alike.
  const cuts = [...Array(bytes.length - planEnd).keys()].map((at) => at + planEnd)
  for (const cut of cuts.filter((cut) => cut < planEnd + 400 || cut > bytes.length - 200)) {
    await writeFile(path, bytes.subarray(0, cut))
    const before = parseJournal(bytes.subarray(0, cut))?.records.length ?? 0
    const again = await Journal.reopen('m', 'rollback')
    await again.append({ type: 'end', status: 'rolled-back' })
    await again.close()
    const read = await readJournal('m')
    if (read?.records.length !== before + 2 || read.records.at(-1)?.type !== 'end') wrong++
  }
  t.equal(wrong, 0)
})

t.test('what a crash of the file system leaves in the middle ends the journal there', async (t) => {
  const damaged = Buffer.concat([bytes.subarray(0, 600), Buffer.alloc(64), bytes.subarray(600)])
  const content = parseJournal(damaged)
  t.ok(content && content.records.length < whole.length)
  t.equal(parseJournal(Buffer.alloc(4096)), undefined)
})

t.test('states along the way', async (t) => {
  const upTo = (predicate: (line: string) => boolean) => {
    const end = lines.findIndex(predicate) + 1
    return stateOf(lines.slice(1, end).map((line) => JSON.parse(line)))
  }
  const before = upTo((line) => line.includes('"intent","step":"start"'))
  t.match(before, {
    status: 'unfinished',
    committed: false,
    rollingBack: false,
    finalDigests: { 'volume:v': 'd1' },
  })
  t.ok(before.begun.has('start'))
  t.ok(isComplete(before))
  const resting = upTo((line) => line.includes('"intent","step":"rest"'))
  t.match(resting, { isResting: true, finalRoundDone: false })
  t.notOk(isComplete(resting))
  const committed = upTo((line) => line.includes('"type":"commit"'))
  t.match(committed, { status: 'unfinished', committed: true })
  t.match(
    upTo((line) => line.includes('"completed"')),
    { status: 'completed' },
  )
  t.match(
    upTo((line) => line.includes('undo-intent')),
    { status: 'unfinished', rollingBack: true, carriedBack: true },
  )
  const end = stateOf(lines.slice(1).map((line) => JSON.parse(line)))
  t.match(end, { status: 'rolled-back' })
  t.equal(end.begun.size, 0)
})

t.test('whether copies that were carried back have been stopped, and when they had started', async (t) => {
  const records = (...list: NewRecord[]) => list.map((record) => ({ at: '', ...record }))
  const tried: NewRecord[] = [
    { type: 'commit' },
    { type: 'process', command: 'rollback', pid: 1, host: 'h' },
    { type: 'done', step: 'carry-back', data: { started: { c1: 'then' } } },
  ]
  t.match(stateOf(records(...tried)), {
    rollbackTried: true,
    carriedBack: true,
    carriedBackFrom: { c1: 'then' },
  })
  const again: NewRecord[] = [{ type: 'process', command: 'resume', pid: 2, host: 'h' }]
  t.match(stateOf(records(...tried, ...again)), { rollbackTried: true })
  t.match(stateOf(records(...tried, ...again, { type: 'intent', step: 'start' })), {
    rollbackTried: false,
    carriedBack: false,
  })
})

t.test('a record that could not be written whole hides none that follow', async (t) => {
  const plan = { id: 'full', version: planVersion } as unknown as Plan
  const journal = await Journal.create(plan)
  const file = await open(join(migrationsDirectory(), 'full', 'journal.jsonl'))
  const prototype = Object.getPrototypeOf(file)
  await file.close()
  const { appendFile } = prototype
  prototype.appendFile = async function (this: FileHandle, text: string) {
    await appendFile.call(this, text.slice(0, 9))
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  }
  await t.rejects(journal.append({ type: 'intent', step: 'one' }), /no space/)
  prototype.appendFile = appendFile
  await journal.append({ type: 'intent', step: 'two' })
  await journal.close()
  const steps = (await readJournal('full'))?.records.map((record) => 'step' in record && record.step)
  t.strictSame(steps, [false, 'two'])
})
