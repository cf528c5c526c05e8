import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { docker } from '../lab/harness/engines.ts'
import { clearBench, openBench } from './bench.ts'
import { copyProblems, lookBefore, surroundingProblems } from './surroundings.ts'
import { Watcher } from './watcher.ts'
import { lostRecords, startWorkload, workload } from './workload.ts'

const { name, volume } = workload
const way = { mode: 'warm', path: 'direct' } as const
const lab = await openBench()
t.teardown(() => lab.close())
t.afterEach(() => clearBench(lab))

const start = () =>
  startWorkload(lab, { bulkMegabytes: 0, rewritesAtStop: false, slowStopMs: 0, choosesAddress: true })

t.test('a container that was left alone has no problems', async (t) => {
  const client = await start()
  const watcher = new Watcher(name, [lab.alphaFacts, lab.betaFacts])
  const before = await lookBefore(lab, way)
  await client.hear(5)
  t.strictSame(await copyProblems(lab, before, 'alpha'), [])
  t.strictSame(await surroundingProblems(lab, before, 'alpha'), [])
  t.strictSame(await lostRecords('alpha', [...client.acknowledged]), [])
  await client.stop()
  t.strictSame(await watcher.stop(), [])
})

t.test('the watcher sees a second copy, however short it runs', async (t) => {
  const client = await start()
  await docker('beta', 'create', '--name', name, 'node:24-trixie-slim', 'sleep', '1')
  const watcher = new Watcher(name, [lab.alphaFacts, lab.betaFacts])
  await docker('beta', 'start', name)
  await docker('beta', 'kill', name)
  await sleep(200)
  await client.stop()
  t.match(await watcher.stop(), [/two copies ran for \d+ ms: on alpha and on beta/])
})

t.test('records that are taken away, and writes that nobody made, are found', async (t) => {
  const client = await start()
  await client.hear(10)
  await client.stop()
  const shorten = 'head -n 3 /data/records > /tmp/r && cat /tmp/r > /data/records; echo x >> /layer/records'
  await docker('alpha', 'exec', name, 'sh', '-c', shorten)
  t.match(await lostRecords('alpha', client.acknowledged), [
    /^\/data\/records: \d+ acknowledged records are lost, from 4 on/,
    /^\/layer\/records: record \d+ is damaged: x/,
  ])
})

t.test('what is left over, missing, or other than before is found', async (t) => {
  const client = await start()
  const before = await lookBefore(lab, way)
  await client.stop()
  await docker('beta', 'volume', 'create', volume)
  await docker('alpha', 'update', '--restart', 'no', name)
  t.match(await copyProblems(lab, before, 'alpha'), [/RestartPolicy.Name: "always" → "no"/])
  t.strictSame(await surroundingProblems(lab, before, 'alpha'), [`left on beta: volume ${volume}`])
  await docker('alpha', 'rm', '--force', name)
  t.match(await copyProblems(lab, before, 'alpha'), [/does not run on alpha: is not there/])
  t.match(await surroundingProblems(lab, before, 'alpha'), [/missing on alpha: container/, /left on beta/])
})
