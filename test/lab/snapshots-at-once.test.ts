import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startAgent, treePath } from '../../src/launch/agent.ts'
import { ensureAgentImage } from '../../src/launch/image.ts'
import { roleLabel } from '../../src/model/plan.ts'
import { runCounter } from './harness/counter.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { goesOn, helpersLeft, started, untilPhase } from './harness/snapshot-run.ts'
import { create, createWords, newRepository } from './harness/snapshots.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])
const name = 't-once'

/** An agent that can freeze containers of alpha. */
async function freezingAgent(name: string) {
  const { reference: image } = await ensureAgentImage(lab.alpha, [], () => undefined)
  return startAgent(lab.alpha, {
    image,
    name: `wherry-test-${name}`,
    labels: { [roleLabel]: 'agent' },
    hostProcesses: true,
    mounts: [{ kind: 'host', path: '/sys/fs/cgroup', readOnly: false }],
  })
}

t.test('who freezes what another has frozen waits for that one’s end, whatever it is', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter(name)
  const id = await docker('alpha', 'inspect', '--format', '{{.Id}}', name)
  const params = { containers: [id], root: treePath(0), limitSeconds: 60 }
  const [first, second, third] = await Promise.all(['a', 'b', 'c'].map(freezingAgent))
  if (!first || !second || !third) throw new Error('three agents were asked for')
  await first.client.request('freeze', params)
  const waiting = second.client.request('freeze', params)
  t.equal(await Promise.race([waiting.then(() => 'frozen'), sleep(1000, 'waits')]), 'waits')
  t.match(await first.client.request('thaw', {}), { wasFrozen: true })
  t.equal(await Promise.race([waiting.then(() => 'frozen'), sleep(500, 'waits')]), 'waits')
  await docker('alpha', 'exec', name, 'true')
  await first.client.request('releaseFrozen', {})
  const { milliseconds } = await waiting
  t.ok(milliseconds < 500, 'the time that it waited is not one of standing still')

  const next = third.client.request('freeze', params)
  t.equal(await Promise.race([next.then(() => 'frozen'), sleep(500, 'waits')]), 'waits')
  // It cannot thaw anything any more: whoever comes next finds the container frozen and nobody who holds it.
  await docker('alpha', 'kill', second.containerId)
  await next
  t.match(await third.client.request('thaw', {}), { wasFrozen: true })
  for (const agent of [first, second, third]) await agent.remove()
  await goesOn(t, lab, name)
})

t.test('snapshots of one container at once are made one after the other', async (t) => {
  t.teardown(() => clear(lab))
  await runCounter(name)
  const repos = await Promise.all([1, 2, 3].map(() => newRepository(t)))
  for (const { pauseSeconds } of await Promise.all(repos.map((repo) => create(repo, [name]))))
    t.ok(pauseSeconds > 0 && pauseSeconds < 10, `${pauseSeconds} s`)
  await goesOn(t, lab, name)
  t.strictSame(await helpersLeft(lab.alpha), [])
})

t.test('what is being moved is not brought to a standstill by a snapshot', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter(name)
  const words = ['migrate', name, '--from', 'wherry-alpha', '--to', 'wherry-beta', '--limit-rate', '1K']
  await docker('alpha', 'exec', name, 'sh', '-c', 'head -c 200000 /dev/urandom > /data/much')
  const move = started(words)
  await untilPhase(move, 'round-1')
  const snapshot = started(createWords(repo, [name]))
  t.match(await snapshot.ended, { exitCode: 6, json: { error: { code: 'locked' } } })
  move.kill('SIGINT')
  t.equal((await move.ended).exitCode, 130)
  await goesOn(t, lab, name)
})
