import { appendFile, mkdtemp, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Journal, listMigrations, migrationsDirectory, readJournal } from '../../../src/migrate/journal.ts'
import { type Plan, planVersion } from '../../../src/model/plan.ts'

process.env.WHERRY_STATE_DIR = await mkdtemp(join(tmpdir(), 'wherry-unit-'))
const plan = { id: '20260102-030405-abcd', version: planVersion } as Plan

t.test('what was appended is read back, and a last line that was cut off is not', async (t) => {
  const journal = await Journal.create(plan)
  await journal.append({ type: 'intent', step: 'volumes' })
  await journal.append({ type: 'done', step: 'volumes', data: { created: ['a'] } })
  await journal.close()
  const directory = join(migrationsDirectory(), plan.id)
  await appendFile(join(directory, 'journal.jsonl'), '{"at":"2026-01-02T03:04:06.000Z","type":"inte')
  const read = await readJournal(plan.id)
  t.match(read?.records, [
    { type: 'process', command: 'migrate', pid: process.pid },
    { type: 'intent', step: 'volumes' },
    { type: 'done', data: { created: ['a'] } },
  ])
  t.equal(read?.records.length, 3)
  t.strictSame(await listMigrations(), [plan.id])
})

t.test('a plan holds environment variables: nobody else may read it', async (t) => {
  const directory = join(migrationsDirectory(), plan.id)
  t.equal((await stat(directory)).mode & 0o777, 0o700)
  t.equal((await stat(join(directory, 'journal.jsonl'))).mode & 0o777, 0o600)
})

t.test('no migration gets the journal of another', async (t) => {
  await t.rejects(Journal.create(plan), { code: 'EEXIST' })
})

t.test('what there is no journal of is undefined', async (t) => {
  t.equal(await readJournal('nothing'), undefined)
})
