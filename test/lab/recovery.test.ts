import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { agentImageReference } from '../../src/launch/image.ts'
import { migrationsDirectory } from '../../src/migrate/journal.ts'
import { stateDirectory } from '../../src/platform/directories.ts'
import { run } from '../../src/platform/process.ts'
import { RunningCommand } from '../faults/command.ts'
import { assertCounts, assertOnlyOn, failed, fromTo, killedAt, runCounter } from './harness/counter.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { type Ended, migrate, program, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

t.test(
  'a second run on the same container is told so, while the first lives and when it has died',
  async (t) => {
    t.teardown(() => clear(lab))
    await runCounter('t-locked')
    const first = new RunningCommand(['migrate', 't-locked', ...fromTo], stateDirectory(), {
      record: 'agents/done',
      stops: true,
    })
    t.ok(await first.reached())
    const second = await wherry(['migrate', 't-locked', ...fromTo, '--json'])
    t.strictSame(failed(second), { exitCode: 6, code: 'locked' })
    t.match(second.json.error, { data: { held: true }, message: /being moved by another run/ })
    const id = second.json.error.data.migration
    const takeOver = await wherry(['migration', 'rollback', id, '--json'])
    t.strictSame(
      failed(takeOver),
      { exitCode: 6, code: 'locked' },
      'a lock that is held cannot be taken over',
    )
    t.match((await wherry(['migration', 'list', '--json'])).json.migrations.at(-1), { id, status: 'running' })

    first.kill('SIGKILL')
    await first.ended
    const third = await wherry(['migrate', 't-locked', ...fromTo, '--json'])
    t.match(third.json.error, {
      exitCode: 6,
      data: { held: false, migration: id },
      message: /ended half-way/,
    })
    t.match(third.json.error.suggestions.join(), `wherry migration rollback ${id}`)
    t.match((await wherry(['migration', 'list', '--json'])).json.migrations.at(-1), {
      id,
      status: 'interrupted',
    })
    t.equal((await wherry(['migration', 'rollback', id, '--json'])).exitCode, 0)
    await assertOnlyOn(t, lab, 'alpha', 't-locked')
    await assertCounts(t, 'alpha', 't-locked')
  },
)

t.test('without its journal a dead migration is found by its lock, and rolled back', async (t) => {
  for (const record of ['pre-copy/done', 'rest/done', 'start/done', 'commit/commit']) {
    await t.test(`killed after ${record}`, async (t) => {
      t.teardown(() => clear(lab))
      const beta = await objectsOn(lab.beta)
      await runCounter('t-lost')
      const id = await killedAt(record, 't-lost')
      await rm(join(migrationsDirectory(), id), { recursive: true })
      t.match((await wherry(['migration', 'show', id, '--json'])).json.error, {
        exitCode: 3,
        code: 'unknown-migration',
      })
      const { json } = await wherry(['migration', 'list', 'wherry-alpha', 'wherry-beta', '--json'])
      const pieces = json.pieces.filter(({ migration }: { migration: string }) => migration === id)
      t.ok(pieces.some(({ role }: { role: string }) => role === 'lock'))
      const ended = await wherry(['migration', 'rollback', id, '--from', 'wherry-alpha', '--yes', '--json'])
      t.equal(ended.exitCode, 0, ended.stdout)
      await assertOnlyOn(t, lab, 'alpha', 't-lost')
      await assertCounts(t, 'alpha', 't-lost')
      t.strictSame(await objectsOn(lab.beta), beta, 'nothing is left on the target')
    })
  }
})

t.test('without its journal a complete migration is found by its copies', async (t) => {
  const engines = ['--from', 'wherry-alpha', '--to', 'wherry-beta']
  for (const verb of ['rollback', 'finish']) {
    await t.test(verb, async (t) => {
      t.teardown(() => clear(lab))
      const beta = await objectsOn(lab.beta)
      await runCounter('t-known')
      const { id } = await migrate(['t-known'])
      await rm(join(migrationsDirectory(), id), { recursive: true })
      const { json } = await wherry(['migration', 'list', 'wherry-alpha', 'wherry-beta', '--json'])
      const pieces = json.pieces.filter(({ migration }: { migration: string }) => migration === id)
      t.match(
        pieces.filter(({ kind }: { kind: string }) => kind === 'container'),
        [
          { engine: 'wherry-beta', role: 'target', name: 't-known', state: 'running' },
          { engine: 'wherry-alpha', role: 'source', name: 't-known', state: 'exited' },
        ],
      )
      const unasked = await wherry(['migration', verb, id, ...engines, '--json'])
      t.strictSame(failed(unasked), { exitCode: 3, code: 'not-confirmed' })
      const written = await assertCounts(t, 'beta', 't-known')
      const ended = await wherry(['migration', verb, 't-known', ...engines, '--yes', '--json'])
      t.equal(ended.exitCode, 0, ended.stdout)
      if (verb === 'finish') {
        await assertOnlyOn(t, lab, 'beta', 't-known')
        t.equal(await lab.alpha.containers.inspect('t-known'), undefined)
        t.equal(await lab.alpha.volumes.inspect('t-known'), undefined)
        return
      }
      await assertOnlyOn(t, lab, 'alpha', 't-known')
      t.ok((await assertCounts(t, 'alpha', 't-known')) > written, 'with what was written on the target')
      t.strictSame(await objectsOn(lab.beta), beta)
    })
  }
})

t.test('a journal that lost its end is no danger: the engines are looked at', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-cut')
  for (const share of [0.02, 0.5, 0.8, 0.95]) {
    const id = await killedAt('start/done', 't-cut')
    const path = join(migrationsDirectory(), id, 'journal.jsonl')
    const bytes = await readFile(path)
    const planEnd = bytes.indexOf(10) + 1
    await writeFile(path, bytes.subarray(0, planEnd + Math.round((bytes.length - planEnd) * share)))
    const ended = await wherry(['migration', 'rollback', id, '--yes', '--json'])
    t.equal(ended.exitCode, 0, ended.stdout)
    await assertOnlyOn(t, lab, 'alpha', 't-cut')
    await assertCounts(t, 'alpha', 't-cut')
  }
})

t.test('without its journal a dead migration can also be gone on with', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-elsewhere')
  const id = await killedAt('pre-copy/done', 't-elsewhere')
  await rm(join(migrationsDirectory(), id), { recursive: true })
  const ended = await wherry(['migration', 'resume', 't-elsewhere', '--from', 'wherry-alpha', '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  await assertOnlyOn(t, lab, 'beta', 't-elsewhere')
  await assertCounts(t, 'beta', 't-elsewhere')
})

t.test('an engine that lost the agent image gets it again when a migration is taken back', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-pruned')
  const id = await killedAt('pre-copy/done', 't-pruned')
  await docker('alpha', 'container', 'prune', '--force')
  await docker('alpha', 'image', 'rm', '--force', await agentImageReference())
  const ended = await wherry(['migration', 'rollback', id, '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  await assertOnlyOn(t, lab, 'alpha', 't-pruned')
})

t.test(
  'a source that was removed after everything had arrived: the copy on the target lives on',
  async (t) => {
    t.teardown(() => clear(lab))
    await runCounter('t-only')
    const id = await killedAt('final-round/done', 't-only')
    await docker('alpha', 'container', 'prune', '--force')
    const back = await wherry(['migration', 'rollback', id, '--json'])
    t.strictSame(failed(back), { exitCode: 3, code: 'source-gone' })
    const list = await wherry(['migration', 'list', '--json'])
    t.match(list.json.migrations.at(-1), { id, status: 'interrupted', step: 'final-round' })
    const ended = await wherry(['migration', 'resume', id, '--json'])
    t.equal(ended.exitCode, 0, ended.stdout)
    await assertOnlyOn(t, lab, 'beta', 't-only')
    await assertCounts(t, 'beta', 't-only')
  },
)

t.test('a rollback after the commit that broke off: what is written afterwards is not lost', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-torn')
  const { id } = await migrate(['t-torn'])
  const back = new RunningCommand(['migration', 'rollback', id, '--yes'], stateDirectory(), {
    record: 'carry-back/done',
    stops: true,
  })
  t.ok(await back.reached())
  back.kill('SIGKILL')
  await back.ended
  const ended = await wherry(['migration', 'resume', id, '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  await assertOnlyOn(t, lab, 'beta', 't-torn')
  const written = await assertCounts(t, 'beta', 't-torn')
  const again = await wherry(['migration', 'rollback', id, '--yes', '--json'])
  t.equal(again.exitCode, 0, again.stdout)
  t.ok((await assertCounts(t, 'alpha', 't-torn')) > written)
  await assertOnlyOn(t, lab, 'alpha', 't-torn')
})

t.test('what arrived before a crash is not sent again', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-big')
  await docker('alpha', 'exec', 't-big', 'sh', '-c', 'head -c 100M /dev/urandom > /data/big; sync')
  await killedAt('pre-copy/done', 't-big')
  const ended = await wherry(['migration', 'resume', 't-big', '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  t.ok(ended.json.bytesTransferred < 5e6, `${ended.json.bytesTransferred} bytes were sent after the crash`)
  await assertOnlyOn(t, lab, 'beta', 't-big')
  await assertCounts(t, 'beta', 't-big')
})

t.test('on a disk that is full the container comes back all the same', async (t) => {
  for (const record of ['pre-copy/done', 'start/done']) {
    await t.test(`killed after ${record}`, async (t) => {
      t.teardown(() => clear(lab))
      const beta = await objectsOn(lab.beta)
      await runCounter('t-full')
      const id = await killedAt(record, 't-full')
      const journal = join(migrationsDirectory(), id, 'journal.jsonl')
      const before = await readFile(journal, 'utf8')
      const resumed = await onFullDisk('migration', 'resume', id, '--json')
      t.strictSame(failed(resumed), { exitCode: 3, code: 'journal-not-writable' })
      t.match(resumed.json.error.suggestions.join(), /WHERRY_STATE_DIR=.* resume .* --from wherry-alpha/)
      const ended = await onFullDisk('migration', 'rollback', id, '--yes', '--json')
      t.equal(ended.exitCode, 0, ended.stdout)
      t.match(ended.json.warnings, [{ code: 'journal-not-written' }])
      t.equal(await readFile(journal, 'utf8'), before, 'nothing could be written')
      await assertOnlyOn(t, lab, 'alpha', 't-full')
      await assertCounts(t, 'alpha', 't-full')
      t.strictSame(await objectsOn(lab.beta), beta)
      // When there is room again, repeating it does no harm.
      t.equal((await wherry(['migration', 'rollback', id, '--yes', '--json'])).exitCode, 0)
      await assertOnlyOn(t, lab, 'alpha', 't-full')
      await assertCounts(t, 'alpha', 't-full')
    })
  }
})

t.test('where the journal cannot be written, another directory serves', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-apart')
  const id = await killedAt('pre-copy/done', 't-apart')
  const WHERRY_STATE_DIR = await mkdtemp(join(tmpdir(), 'wherry-lab-test-'))
  t.teardown(() => rm(WHERRY_STATE_DIR, { recursive: true }))
  const words = ['migration', 'resume', id, '--from', 'wherry-alpha', '--json']
  const ended = await wherry(words, { WHERRY_STATE_DIR })
  t.equal(ended.exitCode, 0, ended.stdout)
  await assertOnlyOn(t, lab, 'beta', 't-apart')
  await assertCounts(t, 'beta', 't-apart')
})

/** Runs wherry where no file can grow, as on a disk that is full. */
async function onFullDisk(...words: string[]): Promise<Ended> {
  // What the test's own loader writes, which it hands down, would fail too.
  const limited = 'unset NODE_OPTIONS NODE_V8_COVERAGE; trap "" XFSZ; ulimit -f 0; exec "$@"'
  const { exitCode, stdout, stderr } = await run(
    'sh',
    ['-c', limited, 'sh', process.execPath, program, ...words],
    { timeoutMs: 120_000 },
  )
  if (!stdout) throw new Error(`it said nothing but: ${stderr}`)
  return { exitCode, stdout, stderr, json: JSON.parse(stdout) }
}
