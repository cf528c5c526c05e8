import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { agentImageReference } from '../../src/launch/image.ts'
import { migrationsDirectory } from '../../src/migrate/journal.ts'
import { stateDirectory } from '../../src/platform/directories.ts'
import { run } from '../../src/platform/process.ts'
import { RunningCommand } from '../faults/command.ts'
import { image } from './harness/configurations.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { type Ended, migrate, program, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const fromTo = ['--from', 'wherry-alpha', '--to', 'wherry-beta']
/** Goes on counting where the file ends, so that a lost or doubled line shows. */
const counter =
  'trap "exit 0" TERM; i=$(cat /data/log 2>/dev/null | wc -l); while :; do i=$((i+1)); echo $i >> /data/log; sleep 0.05; done'

async function runCounter(name: string, ...flags: string[]): Promise<void> {
  const volume = ['-v', `${name}:/data`]
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    name,
    '--restart',
    'always',
    ...volume,
    ...flags,
    image,
    'sh',
    '-c',
    counter,
  )
  await sleep(500)
}

/** Ends wherry by SIGKILL right after a record of its journal, written as STEP/TYPE. */
async function killedAt(record: string, name: string, ...flags: string[]): Promise<string> {
  const command = new RunningCommand(['migrate', name, ...fromTo, ...flags], stateDirectory(), {
    record,
    stops: true,
  })
  if (!(await command.reached())) throw new Error(JSON.stringify(await command.ended))
  command.kill('SIGKILL')
  await command.ended
  const { json } = await wherry(['migration', 'list', '--json'])
  return json.migrations.findLast(({ containers }: { containers: string[] }) => containers.includes(name)).id
}

/** The lines of the log are 1, 2, 3 … on the engine where the container runs, and go on. Gives their number. */
async function assertCounts(t: Test, engine: 'alpha' | 'beta', name: string): Promise<number> {
  const lines = async () => (await docker(engine, 'exec', name, 'cat', '/data/log')).split('\n')
  const first = await lines()
  t.ok(
    first.every((line, index) => line === String(index + 1)),
    'every record is there, in order',
  )
  await sleep(300)
  t.ok((await lines()).length > first.length, 'and it goes on')
  return first.length
}

const other = { alpha: 'beta', beta: 'alpha' } as const

async function assertOnlyOn(t: Test, engine: 'alpha' | 'beta', name: string): Promise<void> {
  const here = await lab[engine].containers.inspect(name)
  const there = await lab[other[engine]].containers.inspect(name)
  t.equal(here?.State.Running, true, `${name} runs on ${engine}`)
  t.equal(here?.HostConfig.RestartPolicy?.Name, 'always')
  t.notOk(there?.State.Running, 'and nowhere else')
  for (const one of [lab.alpha, lab.beta]) {
    const helpers = (await one.containers.list()).filter(({ Names }) => Names[0]?.startsWith('/wherry-'))
    t.strictSame(helpers, [], `no helper and no lock is left on ${one.name}`)
  }
}

function failed({ json, exitCode }: Ended): unknown {
  return { exitCode, code: json?.error?.code }
}

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
    await assertOnlyOn(t, 'alpha', 't-locked')
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
      await assertOnlyOn(t, 'alpha', 't-lost')
      await assertCounts(t, 'alpha', 't-lost')
      t.strictSame(await objectsOn(lab.beta), beta, 'nothing is left on the target')
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
    await assertOnlyOn(t, 'alpha', 't-cut')
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
  await assertOnlyOn(t, 'beta', 't-elsewhere')
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
  await assertOnlyOn(t, 'alpha', 't-pruned')
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
    await assertOnlyOn(t, 'beta', 't-only')
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
  await assertOnlyOn(t, 'beta', 't-torn')
  const written = await assertCounts(t, 'beta', 't-torn')
  const again = await wherry(['migration', 'rollback', id, '--yes', '--json'])
  t.equal(again.exitCode, 0, again.stdout)
  t.ok((await assertCounts(t, 'alpha', 't-torn')) > written)
  await assertOnlyOn(t, 'alpha', 't-torn')
})

t.test('a copy that was moved on is not brought back from where it was', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'run', '-d', '--name', 't-on', image, 'sleep', '1000')
  const { id } = await migrate(['t-on'])
  await docker('alpha', 'rename', 't-on', 't-old')
  const on = ['migrate', 't-on', '--from', 'wherry-beta', '--to', 'wherry-alpha', '--json']
  const second = await wherry(on)
  t.equal(second.exitCode, 0, second.stdout)
  for (const verb of ['rollback', 'resume']) {
    const flags = verb === 'rollback' ? ['--yes', '--discard'] : []
    const ended = await wherry(['migration', verb, id, ...flags, '--json'])
    t.strictSame(failed(ended), { exitCode: 3, code: 'moved-on' })
  }
  t.notOk((await lab.alpha.containers.inspect('t-old'))?.State.Running)
  t.equal((await lab.alpha.containers.inspect('t-on'))?.State.Running, true)
})

t.test('a copy with --rm is not ended by a rollback that cannot take it back', async (t) => {
  t.teardown(() => clear(lab))
  await docker(
    'alpha',
    'run',
    '-d',
    '--rm',
    '--name',
    't-vanish',
    '-v',
    't-vanish:/data',
    image,
    'sh',
    '-c',
    counter,
  )
  await sleep(500)
  const { id } = await migrate(['t-vanish'])
  const written = await assertCounts(t, 'beta', 't-vanish')
  const back = await wherry(['migration', 'rollback', id, '--yes', '--json'])
  t.strictSame(failed(back), { exitCode: 5, code: 'frozen-source' })
  t.ok((await assertCounts(t, 'beta', 't-vanish')) > written)
  const ended = await wherry(['migration', 'resume', id, '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  await assertCounts(t, 'beta', 't-vanish')
})

t.test('what arrived before a crash is not sent again', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-big')
  await docker('alpha', 'exec', 't-big', 'sh', '-c', 'head -c 100M /dev/urandom > /data/big; sync')
  await killedAt('pre-copy/done', 't-big')
  const ended = await wherry(['migration', 'resume', 't-big', '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  t.ok(ended.json.bytesTransferred < 5e6, `${ended.json.bytesTransferred} bytes were sent after the crash`)
  await assertOnlyOn(t, 'beta', 't-big')
  await assertCounts(t, 'beta', 't-big')
})

t.test('a complete migration is taken back with what was written since, and can be made again', async (t) => {
  t.teardown(() => clear(lab))
  const beta = await objectsOn(lab.beta)
  await runCounter('t-back', '-v', '/anonymous')
  await migrate(['t-back'])
  await docker(
    'beta',
    'exec',
    't-back',
    'sh',
    '-c',
    'echo new > /anonymous/file; echo layer > /in-layer; mkdir -p /data/d; ln -s x /data/d/l',
  )
  const written = await assertCounts(t, 'beta', 't-back')
  const unasked = await wherry(['migration', 'rollback', 't-back', '--json'])
  t.strictSame(failed(unasked), { exitCode: 3, code: 'not-confirmed' })
  const ended = await wherry(['migration', 'rollback', 't-back', '--yes', '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  await assertOnlyOn(t, 'alpha', 't-back')
  t.ok((await assertCounts(t, 'alpha', 't-back')) > written)
  t.equal(
    await docker('alpha', 'exec', 't-back', 'sh', '-c', 'cat /anonymous/file /in-layer; readlink /data/d/l'),
    'new\nlayer\nx',
  )
  t.strictSame(await objectsOn(lab.beta), beta)
  t.match((await wherry(['migration', 'resume', 't-back', '--json'])).json.error, {
    code: 'nothing-to-resume',
    exitCode: 3,
  })
  await migrate(['t-back'])
  await assertOnlyOn(t, 'beta', 't-back')
  const discarded = await wherry(['migration', 'rollback', 't-back', '--yes', '--discard', '--json'])
  t.equal(discarded.exitCode, 0, discarded.stdout)
  await assertOnlyOn(t, 'alpha', 't-back')
  await assertCounts(t, 'alpha', 't-back')
})

t.test('finish removes the fenced copy and its volumes, and nothing before it was asked', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-done', '-v', 't-shared:/shared')
  await docker('alpha', 'create', '--name', 't-sharer', '-v', 't-shared:/s', image, 'true')
  const { id } = await migrate(['t-done'])
  const unasked = await wherry(['migration', 'finish', id, '--json'])
  t.strictSame(failed(unasked), { exitCode: 3, code: 'not-confirmed' })
  t.match(unasked.json.error.message, /Remove from wherry-alpha for good: t-done, volume t-done/)

  await docker('beta', 'rename', 't-done', 't-hidden')
  t.strictSame(failed(await wherry(['migration', 'finish', id, '--yes', '--json'])), {
    exitCode: 3,
    code: 'copy-gone',
  })
  await docker('beta', 'rename', 't-hidden', 't-done')
  await docker('alpha', 'start', 't-done')
  t.strictSame(failed(await wherry(['migration', 'finish', id, '--yes', '--json'])), {
    exitCode: 3,
    code: 'source-runs',
  })
  await docker('alpha', 'stop', 't-done')

  const ended = await wherry(['migration', 'finish', id, '--yes', '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  t.match(ended.json, { removed: { containers: ['t-done'], volumes: ['t-done'] }, kept: ['t-shared'] })
  t.equal(await lab.alpha.containers.inspect('t-done'), undefined)
  t.equal(await lab.alpha.volumes.inspect('t-done'), undefined)
  await assertOnlyOn(t, 'beta', 't-done')
  t.strictSame(failed(await wherry(['migration', 'rollback', id, '--yes', '--json'])), {
    exitCode: 3,
    code: 'finished',
  })
})

t.test('finish leaves a volume alone that was made anew under the name', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-anew')
  const { id } = await migrate(['t-anew'])
  await docker('alpha', 'rm', 't-anew')
  await docker('alpha', 'volume', 'rm', 't-anew')
  await docker('alpha', 'run', '--rm', '-v', 't-anew:/data', image, 'touch', '/data/precious')
  const ended = await wherry(['migration', 'finish', id, '--yes', '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  t.match(ended.json, { removed: { containers: [], volumes: [] }, kept: ['t-anew'] })
  t.ok(await lab.alpha.volumes.inspect('t-anew'))
})

t.test('a second Ctrl-C leaves the migration for resume, in one JSON document', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-twice')
  await docker('alpha', 'exec', 't-twice', 'sh', '-c', 'head -c 24M /dev/urandom > /data/big')
  const command = new RunningCommand(
    ['migrate', 't-twice', ...fromTo, '--limit-rate', '4M'],
    stateDirectory(),
    {
      record: 'pre-copy/intent',
      stops: false,
    },
  )
  t.ok(await command.reached())
  await sleep(1000)
  command.kill('SIGINT')
  command.kill('SIGTERM')
  const { exitCode, json } = await command.ended
  t.equal(exitCode, 5)
  t.match(json.error, { code: 'left-unfinished', exitCode: 5, data: { migration: String } })
  const ended = await wherry(['migration', 'resume', json.error.data.migration, '--json'])
  t.equal(ended.exitCode, 0, ended.stdout)
  await assertOnlyOn(t, 'beta', 't-twice')
  await assertCounts(t, 'beta', 't-twice')
})

for (const [what, ...words] of [
  ['stopped', 'stop'],
  ['removed', 'rm', '-f'],
] as const) {
  t.test(`a container that somebody ${what} during pre-copy is not started again`, async (t) => {
    t.teardown(() => clear(lab))
    const beta = await objectsOn(lab.beta)
    await runCounter('t-gone')
    const command = new RunningCommand(['migrate', 't-gone', ...fromTo], stateDirectory(), {
      record: 'pre-copy/intent',
      stops: true,
    })
    t.ok(await command.reached())
    await docker('alpha', ...words, 't-gone')
    command.goOn()
    const { exitCode, json } = await command.ended
    t.equal(exitCode, 4)
    t.equal(json.error.code, `source-${what}`)
    t.match(json.error.message, new RegExp(`t-gone was ${what} on wherry-alpha.*somebody ${what} it`))
    t.strictSame(await objectsOn(lab.beta), beta)
    t.notOk((await lab.alpha.containers.inspect('t-gone'))?.State.Running)
  })
}

t.test('doctor lists what a dead migration left, and --fix takes it away', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-ill')
  const beta = await objectsOn(lab.beta)
  const id = await killedAt('containers/done', 't-ill')
  const engines = ['wherry-alpha', 'wherry-beta']
  const found = await wherry(['doctor', ...engines, '--json'])
  t.match(found.json.leftovers, [{ migration: id, fix: 'roll-back' }])
  t.equal(found.json.leftovers.length, 1)
  t.strictSame(failed(await wherry(['doctor', ...engines, '--fix', '--json'])), {
    exitCode: 3,
    code: 'not-confirmed',
  })
  const fixed = await wherry(['doctor', ...engines, '--fix', '--yes', '--json'])
  t.equal(fixed.exitCode, 0, fixed.stdout)
  t.strictSame(fixed.json.fixed, [id])
  await assertOnlyOn(t, 'alpha', 't-ill')
  t.strictSame(await objectsOn(lab.beta), beta)
})

t.test('doctor --fix leaves a copy that has run, and a complete migration, alone', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-ran')
  await killedAt('start/done', 't-ran')
  await runCounter('t-moved')
  await migrate(['t-moved'])
  const { json } = await wherry(['doctor', 'wherry-beta', 'wherry-alpha', '--fix', '--yes', '--json'])
  t.strictSame(json.fixed, [])
  t.match(json.leftovers, [{ message: /its copy has run on wherry-beta/ }])
  t.equal(json.leftovers.length, 1)
  t.equal((await wherry(['migration', 'resume', 't-ran', '--json'])).exitCode, 0)
  await assertOnlyOn(t, 'beta', 't-ran')
  await assertOnlyOn(t, 'beta', 't-moved')
})

t.test('a terminal that was closed: the migration is rolled back', async (t) => {
  t.teardown(() => clear(lab))
  const beta = await objectsOn(lab.beta)
  await runCounter('t-terminal')
  await docker('alpha', 'exec', 't-terminal', 'sh', '-c', 'head -c 24M /dev/urandom > /data/big')
  const ended = await run('python3', [
    fileURLToPath(new URL('./harness/closed-terminal.py', import.meta.url)),
    'copying while it runs',
    process.execPath,
    program,
    'migrate',
    't-terminal',
    ...fromTo,
    '--limit-rate',
    '4M',
  ])
  t.equal(ended.stdout.trim(), '130', ended.stderr)
  await assertOnlyOn(t, 'alpha', 't-terminal')
  await assertCounts(t, 'alpha', 't-terminal')
  t.strictSame(await objectsOn(lab.beta), beta)
})

t.test('an ssh login that is cut: the source is put back over a new one', async (t) => {
  t.teardown(() => clear(lab))
  const beta = await objectsOn(lab.beta)
  await runCounter('t-cut-off')
  const env = { WHERRY_SSH_COMMAND: lab.alphaFacts.sshCommand }
  const { ssh: from } = lab.alphaFacts
  for (const record of ['pre-copy/intent', 'rest/done']) {
    const words = ['migrate', 't-cut-off', '--from', from, '--to', lab.betaFacts.ssh]
    const command = new RunningCommand(words, stateDirectory(), { record, stops: true }, env)
    t.ok(await command.reached())
    // Every ssh that the command started, the logins too.
    await run('pkill', ['-KILL', '-P', String(command.pid), 'ssh'])
    command.goOn()
    const { exitCode, json } = await command.ended
    t.equal(exitCode, 4, JSON.stringify(json))
    await assertOnlyOn(t, 'alpha', 't-cut-off')
    await assertCounts(t, 'alpha', 't-cut-off')
    t.strictSame(await objectsOn(lab.beta), beta)
  }
})

t.test('an engine that is gone for good: what can still run, runs', async (t) => {
  const gone = 'unix:///nowhere/docker.sock'
  await t.test('the source, after everything has arrived', async (t) => {
    t.teardown(() => clear(lab))
    await runCounter('t-orphan')
    const id = await killedAt('final-round/done', 't-orphan')
    const plain = await wherry(['migration', 'resume', id, '--from', gone, '--json'])
    t.equal(plain.exitCode, 7)
    t.match(plain.json.error.suggestions.join(), '--source-is-down')
    const ended = await wherry(['migration', 'resume', id, '--from', gone, '--source-is-down', '--json'])
    t.equal(ended.exitCode, 0, ended.stdout)
    t.ok((await lab.beta.containers.inspect('t-orphan'))?.State.Running)
    t.equal(
      (await wherry(['migration', 'resume', id, '--json'])).exitCode,
      0,
      'when it comes back, its lock goes',
    )
    await assertOnlyOn(t, 'beta', 't-orphan')
    await assertCounts(t, 'beta', 't-orphan')
  })
  await t.test('the source, before everything has arrived', async (t) => {
    t.teardown(() => clear(lab))
    await runCounter('t-orphan')
    const id = await killedAt('pre-copy/done', 't-orphan')
    const ended = await wherry(['migration', 'resume', id, '--from', gone, '--source-is-down', '--json'])
    t.equal(ended.exitCode, 7)
    t.equal((await wherry(['migration', 'rollback', id, '--json'])).exitCode, 0)
    await assertOnlyOn(t, 'alpha', 't-orphan')
  })
  await t.test(
    'the target, before a copy was started: the source comes back, and the rest is removed later',
    async (t) => {
      t.teardown(() => clear(lab))
      const beta = await objectsOn(lab.beta)
      await runCounter('t-orphan')
      const id = await killedAt('final-round/done', 't-orphan')
      const ended = await wherry(['migration', 'rollback', id, '--to', gone, '--json'])
      t.equal(ended.exitCode, 0, ended.stdout)
      t.match(ended.json.left, ['containers', 'volumes'])
      await assertCounts(t, 'alpha', 't-orphan')
      const locked = await wherry(['migrate', 't-orphan', ...fromTo, '--json'])
      t.strictSame(failed(locked), { exitCode: 6, code: 'locked' })
      const later = await wherry(['migration', 'rollback', id, '--json'])
      t.equal(later.exitCode, 0, later.stdout)
      t.strictSame(later.json.left, [])
      t.strictSame(await objectsOn(lab.beta), beta)
      await assertOnlyOn(t, 'alpha', 't-orphan')
    },
  )
  await t.test('the target, after a copy was started: only when the user says so', async (t) => {
    t.teardown(() => clear(lab))
    await runCounter('t-orphan')
    const id = await killedAt('start/done', 't-orphan')
    const rollback = ['migration', 'rollback', id, '--to', gone, '--yes', '--json']
    const plain = await wherry(rollback)
    t.equal(plain.exitCode, 7)
    t.match(plain.json.error.suggestions.join(), '--target-is-down --discard')
    t.notOk((await lab.alpha.containers.inspect('t-orphan'))?.State.Running)
    await docker('beta', 'stop', 't-orphan')
    const ended = await wherry([...rollback, '--target-is-down', '--discard'])
    t.equal(ended.exitCode, 0, ended.stdout)
    await assertCounts(t, 'alpha', 't-orphan')
  })
})
