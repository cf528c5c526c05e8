import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { stateDirectory } from '../../src/platform/directories.ts'
import { run } from '../../src/platform/process.ts'
import { RunningCommand } from '../faults/command.ts'
import { assertCounts, assertOnlyOn, fromTo, runCounter } from './harness/counter.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { program, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

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
  await assertOnlyOn(t, lab, 'beta', 't-twice')
  await assertCounts(t, 'beta', 't-twice')
})

t.test('Ctrl-C after the commit: the move is brought to its end', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter('t-late')
  const words = ['migrate', 't-late', ...fromTo]
  const command = new RunningCommand(words, stateDirectory(), { record: 'commit/commit', stops: true })
  t.ok(await command.reached())
  command.kill('SIGINT')
  command.goOn()
  const { exitCode, json } = await command.ended
  t.equal(exitCode, 0, JSON.stringify(json))
  await assertOnlyOn(t, lab, 'beta', 't-late')
  await assertCounts(t, 'beta', 't-late')
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
  await assertOnlyOn(t, lab, 'alpha', 't-terminal')
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
    await assertOnlyOn(t, lab, 'alpha', 't-cut-off')
    await assertCounts(t, 'alpha', 't-cut-off')
    t.strictSame(await objectsOn(lab.beta), beta)
  }
})
