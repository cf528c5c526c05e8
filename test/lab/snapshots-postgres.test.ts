import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, type EngineName, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { create, newRepository, restore, times } from './harness/snapshots.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])
const turns = times('WHERRY_TEST_POSTGRES_SNAPSHOTS', 2)

t.test('PostgreSQL under pgbench: every snapshot recovers with all that was committed', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await docker('alpha', 'network', 'create', '--subnet', '10.31.42.0/24', 't-pg')
  const options = [
    '--network',
    't-pg',
    '--stop-signal',
    'SIGINT',
    '--shm-size',
    '256m',
    '-v',
    't-postgres:/data',
  ]
  await docker('alpha', 'run', '-d', '--name', 't-postgres', ...options, image, 'run-postgres')
  await waitForPostgres('alpha', 't-postgres')
  await docker('alpha', 'exec', 't-postgres', 'pgbench', '-U', 'postgres', '-q', '-i', '-s', '5', 'postgres')
  const load = ['pgbench', '-h', 't-postgres', '-U', 'postgres', '-c', '4', '-T', '3600', 'postgres']
  await docker('alpha', 'run', '-d', '--name', 't-pgbench', '--network', 't-pg', image, ...load)
  await sleep(2000)
  for (let turn = 0; turn < turns; turn++) {
    const before = await committed('alpha', 't-postgres')
    const { id, pauseSeconds } = await create(repo, ['t-postgres'])
    const after = await committed('alpha', 't-postgres')
    t.comment(`stood still for ${pauseSeconds} s, between ${before} and ${after} transactions`)
    const name = `t-postgres-${turn}`
    await restore(repo, id, '--name', name, '--identity', 'new')
    await waitForPostgres('beta', name)
    const restored = await committed('beta', name)
    t.ok(restored >= before && restored <= after, `${restored} transactions are restored`)
    await assertWhole(t, name)
    await docker('beta', 'rm', '-f', '-v', name)
    await docker('beta', 'volume', 'rm', `${name}-t-postgres`)
    await docker('beta', 'network', 'rm', `${name}-t-pg`)
  }
  t.match(
    await docker('alpha', 'logs', 't-pgbench'),
    /^(?!.*(ERROR|FATAL|aborted))/s,
    'no client has noticed',
  )
})

const committed = async (engine: EngineName, name: string) =>
  Number(await sql(engine, name, 'select count(*) from pgbench_history'))

/** Every page and index is right, and no transaction is there in part. */
async function assertWhole(t: Test, name: string): Promise<void> {
  const sums =
    'select (select sum(abalance) from pgbench_accounts), (select sum(tbalance) from pgbench_tellers), (select sum(bbalance) from pgbench_branches), (select sum(delta) from pgbench_history)'
  const [accounts, ...others] = (await sql('beta', name, sums)).split('|')
  t.strictSame(others, [accounts, accounts, accounts], 'the balances agree')
  t.equal(await sql('beta', name, 'select count(*) from pgbench_accounts'), '500000')
  const check =
    '$(echo /usr/lib/postgresql/*/bin/pg_amcheck) -U postgres --install-missing --heapallindexed postgres; echo "ended with $?"'
  t.match(await docker('beta', 'exec', name, 'sh', '-c', check), /ended with 0$/, 'pg_amcheck finds nothing')
}

async function waitForPostgres(engine: EngineName, name: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const ready = ['exec', name, 'pg_isready', '-U', 'postgres', '-h', '127.0.0.1']
    if (await docker(engine, ...ready).catch(() => '')) return
    await sleep(100)
  }
  throw new Error(`PostgreSQL did not start: ${await docker(engine, 'logs', name)}`)
}

function sql(engine: EngineName, name: string, query: string): Promise<string> {
  return docker(engine, 'exec', name, 'psql', '-U', 'postgres', '-At', '-c', query)
}
