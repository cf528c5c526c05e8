import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, type EngineName, inEngine, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { started, untilPhase } from './harness/snapshot-run.ts'
import { create, createWords, newRepository, restore, restoreWords, times } from './harness/snapshots.ts'
import { wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

/**
 * A program that knows something nobody else does, counts on, and notices when what it wrote last is not what its file holds, or when
 * it was begun anew.
 */
const counter = `
import os, random, time
if os.path.exists("/data/secret"): open("/data/anew", "w").close()
secret = random.random()
open("/data/secret", "w").write(str(secret))
open("/data/count", "w").write("0")
count = 0
while True:
    if open("/data/count").read() != str(count): open("/data/torn", "w").close()
    count += 1
    with open("/data/next", "w") as file: file.write(str(count))
    os.rename("/data/next", "/data/count")
    with open("/tmp/next", "w") as file: file.write(str(secret))
    os.rename("/tmp/next", "/tmp/secret")
    time.sleep(0.01)
`

/** CRIU cannot write out processes of other users than root on every machine that a lab runs on. */
async function runCounter(name: string, ...flags: string[]): Promise<void> {
  const program = flags.length > 0 ? flags : ['python3', '-c', counter]
  await docker('alpha', 'run', '-d', '--init', '--name', name, '-v', `${name}:/data`, image, ...program)
  await sleep(500)
}

async function read(engine: EngineName, name: string, path: string): Promise<string> {
  return docker(engine, 'exec', name, 'cat', path)
}

/** It goes on counting from where it was, and has not been begun anew. */
async function goesOn(t: Test, engine: EngineName, name: string, least: number): Promise<void> {
  const first = Number(await read(engine, name, '/data/count'))
  t.ok(first >= least, `${name} counts on from ${least}: ${first}`)
  await sleep(300)
  t.ok(Number(await read(engine, name, '/data/count')) > first, 'and on')
  t.equal(await read(engine, name, '/tmp/secret'), await read(engine, name, '/data/secret'))
  const files = await docker(engine, 'exec', name, 'ls', '/data')
  t.notMatch(files, /torn|anew/, 'its memory and its file are of one instant')
}

t.test('containers go on where they were, again and again, on either engine', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  const names = ['t-one', 't-two']
  for (const name of names) await runCounter(name)
  for (let turn = 1; turn <= times('WHERRY_TEST_MEMORIES', 3); turn++) {
    const counts = await Promise.all(names.map((name) => read('alpha', name, '/data/count')))
    const made = await create(repo, names, '--memory')
    t.match(made.containers, [{ name: 't-one', memoryBytes: Number }, { name: 't-two' }])
    t.comment(`turn ${turn}: ${made.pauseSeconds} s, ${made.containers[0].memoryBytes} bytes of memory`)
    for (const [index, name] of names.entries()) await goesOn(t, 'alpha', name, Number(counts[index]))
    t.equal(await docker('alpha', 'checkpoint', 'ls', 't-one'), 'CHECKPOINT NAME', 'no checkpoint stays')
    const restored = await restore(repo, made.id, '--memory')
    t.match(restored.containers, [{ running: true }, { running: true }])
    for (const [index, name] of names.entries()) {
      await goesOn(t, 'beta', name, Number(counts[index]))
      t.equal(await docker('beta', 'checkpoint', 'ls', name), 'CHECKPOINT NAME')
    }
    const { json } = await wherry(['snapshot', 'show', made.id, '--repo', repo, '--json'])
    t.ok(json.hasMemory ?? json.snapshot?.hasMemory, 'a list says that it has their memory')
    for (const name of names) await docker('beta', 'rm', '-fv', name)
    for (const name of names) await docker('beta', 'volume', 'rm', name)
  }
  const verified = await wherry(['snapshot', 'verify', '--repo', repo, '--read-data', '--json'])
  t.equal(verified.exitCode, 0, verified.stdout)

  await t.test('without --memory they are begun anew, with the same data', async (t) => {
    await restore(repo, 'latest')
    await sleep(500)
    t.match(await docker('beta', 'exec', 't-one', 'ls', '/data'), /anew/)
  })
})

t.test('a database without a file', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  const server = ['redis-server', '--save', '', '--appendonly', 'no', '--protected-mode', 'no']
  await docker('alpha', 'network', 'create', '--subnet', '10.77.9.0/24', 't-net')
  const place = ['--network', 't-net', '--ip', '10.77.9.70', '--mac-address', '02:42:0a:4d:09:46']
  await docker('alpha', 'run', '-d', '--name', 't-redis', ...place, '--user', '0:0', image, ...server)
  await sleep(500)
  const fill = 'for i = 1, 100000 do redis.call("set", "key" .. i, string.rep("x", 100)) end'
  await docker('alpha', 'exec', 't-redis', 'redis-cli', 'eval', fill, '0')
  await docker('alpha', 'exec', 't-redis', 'redis-cli', 'set', 'last', 'word')
  const made = await create(repo, ['t-redis'], '--memory')
  t.comment(`${made.pauseSeconds} s for ${made.containers[0].memoryBytes} bytes of memory`)
  await restore(repo, made.id, '--memory')
  t.equal(await docker('beta', 'exec', 't-redis', 'redis-cli', 'get', 'last'), 'word')
  t.equal(await docker('beta', 'exec', 't-redis', 'redis-cli', 'dbsize'), '100001')
  const endpoint = (await lab.beta.containers.inspect('t-redis'))?.NetworkSettings.Networks['t-net']
  t.match(endpoint, { IPAddress: '10.77.9.70', MacAddress: '02:42:0a:4d:09:46' })
})

t.test('memory that cannot be written out: the container goes on, and there is no snapshot', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  // CRIU leaves locked files alone unless it is told otherwise, which engines do not.
  const locked =
    'import fcntl, time; f = open("/data/f", "w"); fcntl.flock(f, fcntl.LOCK_EX); time.sleep(1e6)'
  await runCounter('t-locked', 'python3', '-c', locked)
  const ended = await wherry([...createWords(repo, ['t-locked'], '--memory'), '--json'])
  t.match(ended, { exitCode: 4, json: { error: { code: 'memory-not-saved' } } })
  t.match(ended.json?.error.message, /The memory of t-locked cannot be written out on wherry-alpha/)
  const { State } = (await lab.alpha.containers.inspect('t-locked')) ?? {}
  t.match(State, { Running: true, Paused: false })
  t.equal(await docker('alpha', 'checkpoint', 'ls', 't-locked'), 'CHECKPOINT NAME')
  const list = await wherry(['snapshot', 'list', '--repo', repo, '--json'])
  t.match(list.json, { snapshots: [] })
})

t.test('under another name, with a volume of another name', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter('t-one')
  const { id } = await create(repo, ['t-one'], '--memory')
  await restore(repo, id, '--memory', '--name', 't-two', '--map-volume', 't-one=t-other')
  await goesOn(t, 'beta', 't-two', 0)
})

t.test('memory that does not come back: nothing is left', async (t) => {
  const criu = '/usr/sbin/criu'
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter('t-one')
  const { id } = await create(repo, ['t-one'], '--memory')
  const before = await objectsOn(lab.beta)
  t.teardown(() => inEngine(lab.betaFacts, 'mv', `${criu}.away`, criu))
  await inEngine(lab.betaFacts, 'mv', criu, `${criu}.away`)
  const ended = await wherry([...restoreWords(repo, id, '--memory'), '--json'])
  t.match(ended, { exitCode: 4, json: { error: { code: 'memory-not-restored' } } })
  t.match(ended.json?.error.suggestions[0], /^Leave --memory out/)
  t.strictSame(await objectsOn(lab.beta), before)
})

t.test('one that somebody has paused has no memory in the snapshot, which is said', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  for (const name of ['t-one', 't-two']) await runCounter(name)
  await docker('alpha', 'pause', 't-two')
  const made = await create(repo, ['t-one', 't-two'], '--memory')
  t.match(made.warnings, [{ code: 'no-memory', message: /^t-two does not run, or is paused/ }])
  t.equal(made.containers[1].memoryBytes, undefined)
  t.ok((await lab.alpha.containers.inspect('t-two'))?.State.Paused, 'it stays so')
  const alone = await wherry([...createWords(repo, ['t-two'], '--memory'), '--json'])
  t.match(alone, { exitCode: 3, json: { error: { code: 'memory-not-possible' } } })
})

t.test('Ctrl-C, while the memory is written out: the container goes on, and nothing is left', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter('t-one')
  const run = started(createWords(repo, ['t-one'], '--memory'))
  await untilPhase(run, 'final-round')
  run.kill('SIGINT')
  t.match(await run.ended, { exitCode: 130 })
  await goesOn(t, 'alpha', 't-one', 0)
  t.match((await lab.alpha.containers.inspect('t-one'))?.State, { Running: true, Paused: false })
  t.equal(await docker('alpha', 'checkpoint', 'ls', 't-one'), 'CHECKPOINT NAME')
})

t.test('what a killed command has left goes with the next', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter('t-one')
  for (const name of ['wherry-0123456789ab', 'mine'])
    await docker('alpha', 'checkpoint', 'create', '--leave-running', 't-one', name)
  await create(repo, ['t-one'], '--memory')
  t.match(await docker('alpha', 'checkpoint', 'ls', 't-one'), /^CHECKPOINT NAME\nmine$/)
})

t.test('refused before anything changes', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter('t-one')
  await docker('alpha', 'create', '--name', 't-still', image)
  const { id } = await create(repo, ['t-one'])
  const before = await Promise.all([objectsOn(lab.alpha), objectsOn(lab.beta)])
  for (const [words, exitCode, code] of [
    [restoreWords(repo, id, '--memory'), 3, 'no-memory'],
    [restoreWords(repo, id, '--memory', '--identity', 'new'), 2, 'memory-needs-identity'],
    [restoreWords(repo, id, '--memory', '--no-start'), 2, 'usage'],
    [createWords(repo, ['t-still'], '--memory'), 3, 'memory-not-possible'],
    [createWords(repo, ['t-one'], '--memory', '--standstill', 'stop'), 2, 'memory-needs-pause'],
  ] as const) {
    const ended = await wherry([...words, '--json'])
    t.match(ended, { exitCode, json: { error: { code } } }, words.join(' '))
  }
  t.strictSame(await Promise.all([objectsOn(lab.alpha), objectsOn(lab.beta)]), before)
})
