import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { stateDirectory } from '../../src/platform/directories.ts'
import { RunningCommand } from '../faults/command.ts'
import { runCounter } from './harness/counter.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { helpersLeft } from './harness/snapshot-run.ts'
import { create, newRepository, restoreWords, times } from './harness/snapshots.ts'
import { wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])
/** As soon as its journal has something. */
const whenBegun = { record: '#1', stops: false }
const network = ['--network', 't-own', '-v', '/anonymous']

/** A snapshot of a container with a network, a volume of its own and an anonymous one, which takes a while to restore. */
async function snapshotOf(t: Test, name: string): Promise<string> {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await docker('alpha', 'network', 'create', '--subnet', '10.31.41.0/24', 't-own')
  await runCounter(name, ...network)
  await docker('alpha', 'exec', name, 'sh', '-c', 'head -c 64M /dev/urandom > /data/much')
  await create(repo, [name])
  return repo
}

/** The journals of restores that have not ended. */
async function unfinished(name: string): Promise<string[]> {
  const { json } = await wherry(['migration', 'list', '--json'])
  return json.migrations
    .filter(({ containers, status }: { containers: string[]; status: string }) => {
      return containers.includes(name) && status === 'interrupted'
    })
    .map(({ id }: { id: string }) => id)
}

t.test('restore that is killed at any moment is taken back whole', async (t) => {
  const repo = await snapshotOf(t, 't-cut')
  const before = await objectsOn(lab.beta)
  const begin = async () => {
    const run = new RunningCommand(restoreWords(repo, 'latest'), stateDirectory(), whenBegun)
    if (!(await run.reached())) throw new Error(JSON.stringify(await run.ended))
    return run
  }
  const removeWhole = async () => {
    await docker('beta', 'rm', '-f', '-v', 't-cut')
    await docker('beta', 'volume', 'rm', 't-cut')
    await docker('beta', 'network', 'rm', 't-own')
  }
  const whole = await begin()
  const startedMs = performance.now()
  t.equal((await whole.ended).exitCode, 0)
  const usualMs = performance.now() - startedMs
  await removeWhole()
  let begun = 0
  for (let turn = 0; turn < times('WHERRY_TEST_KILLS', 8); turn++) {
    const run = await begin()
    await sleep(usualMs * 0.6 * Math.random())
    run.kill('SIGKILL')
    // On a machine that is busy now and then, one may have come to its end.
    if ((await run.ended).exitCode === 0) await removeWhole()
    t.strictSame(await helpersLeft(lab.beta), [], 'no helper is left')
    for (const id of await unfinished('t-cut')) {
      begun++
      const { exitCode, stdout } = await wherry(['migration', 'rollback', id, '--json'])
      t.equal(exitCode, 0, stdout)
    }
    t.strictSame(await objectsOn(lab.beta), before, 'beta is as before')
  }
  t.comment(`${begun} had begun`)
  t.ok(begun > 0)
})

t.test('Ctrl-C during restore: exit 130, and nothing of it is left', async (t) => {
  const repo = await snapshotOf(t, 't-stopped')
  const before = await objectsOn(lab.beta)
  for (const record of ['volumes/done', 'agents/intent', 'start-restored/intent']) {
    const run = new RunningCommand(restoreWords(repo, 'latest'), stateDirectory(), { record, stops: true })
    t.ok(await run.reached(), record)
    run.kill('SIGINT')
    run.goOn()
    const { exitCode, json } = await run.ended
    t.match({ exitCode, json }, { exitCode: 130, json: { error: { code: 'interrupted' } } }, record)
    t.strictSame(await objectsOn(lab.beta), before, 'beta is as before')
    t.strictSame(await unfinished('t-stopped'), [])
  }
})

t.test('restore that is killed after its commit is complete', async (t) => {
  const repo = await snapshotOf(t, 't-done')
  const point = { record: 'commit/commit', stops: true }
  const run = new RunningCommand(restoreWords(repo, 'latest'), stateDirectory(), point)
  t.ok(await run.reached())
  run.kill('SIGKILL')
  await run.ended
  t.strictSame(await unfinished('t-done'), [])
  const copy = await lab.beta.containers.inspect('t-done')
  t.match(copy, { State: { Running: true }, HostConfig: { RestartPolicy: { Name: 'always' } } })
})
