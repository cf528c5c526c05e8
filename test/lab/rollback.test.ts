import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { program, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const loop = 'trap "exit 0" TERM; while :; do date >> /data/log; sleep 0.1; done'
const fromTo = ['--from', 'wherry-alpha', '--to', 'wherry-beta']

t.test('a target that fails to start: the source runs again, as it was', async (t) => {
  t.teardown(() => clear(lab))
  // Sharing the host's name tells the process where it is.
  const script = `[ "$(hostname)" = beta ] && { echo "I do not like it here" >&2; exit 7; }; ${loop}`
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-picky',
    '--uts',
    'host',
    '--restart',
    'always',
    '-v',
    't-picky:/data',
    image,
    'sh',
    '-c',
    script,
  )
  const before = await objectsOn(lab.beta)
  const ended = await wherry(['migrate', 't-picky', ...fromTo, '--json'])
  t.equal(ended.exitCode, 4, ended.stderr)
  t.equal(ended.json.error.code, 'target-did-not-start')
  t.match(
    ended.json.error.message,
    /t-picky ended with exit code 7 on wherry-beta.*Everything is back as it was: t-picky on wherry-alpha/,
  )
  t.match(ended.json.error.suggestions[0], /I do not like it here/)
  t.strictSame(await objectsOn(lab.beta), before, 'nothing is left on the target')
  await assertRunsOnAlpha(t, 't-picky', 'always')
})

t.test('a target that never becomes healthy is taken back', async (t) => {
  t.teardown(() => clear(lab))
  const health = [
    '--health-cmd',
    '[ "$(hostname)" = alpha ]',
    '--health-interval',
    '1s',
    '--health-timeout',
    '1s',
    '--health-retries',
    '2',
  ]
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-ill',
    '--uts',
    'host',
    ...health,
    '-v',
    't-ill:/data',
    image,
    'sh',
    '-c',
    loop,
  )
  const before = await objectsOn(lab.beta)
  const ended = await wherry(['migrate', 't-ill', ...fromTo, '--json'])
  t.equal(ended.exitCode, 4, ended.stderr)
  t.match(ended.json.error.message, /t-ill did not become healthy within 4 s/)
  t.strictSame(await objectsOn(lab.beta), before)
  await assertRunsOnAlpha(t, 't-ill', 'no')
})

for (const consistency of ['clean', 'crash']) {
  t.test(`Ctrl-C while data is copied puts everything back (${consistency})`, async (t) => {
    t.teardown(() => clear(lab))
    await docker(
      'alpha',
      'run',
      '-d',
      '--name',
      't-slow',
      '-v',
      't-slow:/data',
      image,
      'sh',
      '-c',
      `head -c 50M /dev/urandom > /data/big; ${loop}`,
    )
    await sleep(1500)
    const before = await objectsOn(lab.beta)
    const child = spawn(process.execPath, [
      program,
      'migrate',
      't-slow',
      ...fromTo,
      '--limit-rate',
      '2M',
      '--consistency',
      consistency,
      '--progress',
      'plain',
    ])
    const said = await until(child, /copying while it runs/)
    await sleep(1000)
    child.kill('SIGINT')
    const exitCode = await new Promise((resolve) => child.once('exit', resolve))
    t.equal(exitCode, 130, said())
    t.match(said(), /Interrupted\. Everything is back as it was: t-slow on wherry-alpha\./)
    t.strictSame(await objectsOn(lab.beta), before, 'nothing is left on the target')
    await assertRunsOnAlpha(t, 't-slow', 'no')
  })
}

t.test('a frozen source is thawed when the target fails', async (t) => {
  t.teardown(() => clear(lab))
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-frozen',
    '--rm',
    '--uts',
    'host',
    '-v',
    '/data',
    image,
    'sh',
    '-c',
    `[ "$(hostname)" = beta ] && exit 7; ${loop}`,
  )
  const ended = await wherry(['migrate', 't-frozen', ...fromTo, '--json'])
  t.equal(ended.exitCode, 4, ended.stderr)
  t.strictSame((await lab.beta.containers.list()).length, 0)
  await assertRunsOnAlpha(t, 't-frozen', 'no')
})

async function assertRunsOnAlpha(t: Test, name: string, policy: string): Promise<void> {
  const container = await lab.alpha.containers.inspect(name)
  t.equal(container?.State.Running, true, 'it runs on the source')
  t.equal(container?.State.Paused, false)
  t.equal(container?.HostConfig.RestartPolicy?.Name || 'no', policy, 'with its restart policy')
  const agents = (await lab.alpha.containers.list()).filter(({ Names }) => Names[0]?.startsWith('/wherry-'))
  t.strictSame(agents, [], 'no agent is left')
  const size = async () => Number(await docker('alpha', 'exec', name, 'stat', '-c', '%s', '/data/log'))
  const first = await size()
  await sleep(500)
  t.ok((await size()) > first, 'and goes on writing')
}

/** Waits until the child says something on stderr; gives a way to all that it said. */
async function until(child: ChildProcess, pattern: RegExp): Promise<() => string> {
  let said = ''
  const heard = new Promise<void>((resolve) => {
    child.stderr?.on('data', (chunk) => {
      said += chunk
      if (pattern.test(said)) resolve()
    })
    child.once('exit', () => resolve())
  })
  await heard
  return () => said
}
