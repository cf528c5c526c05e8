import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage()

t.test('PostgreSQL under pgbench moves warm and loses no acknowledged transaction', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'network', 'create', '--subnet', '10.31.20.0/24', 't-pg')
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-postgres',
    '--network',
    't-pg',
    // PostgreSQL's fast shutdown, as in its official image.
    '--stop-signal',
    'SIGINT',
    '--shm-size',
    '256m',
    '-v',
    't-postgres:/data',
    image,
    'run-postgres',
  )
  await waitForPostgres('alpha')
  await docker('alpha', 'exec', 't-postgres', 'pgbench', '-U', 'postgres', '-q', '-i', '-s', '20', 'postgres')
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-pgbench',
    '--network',
    't-pg',
    image,
    'pgbench',
    '-h',
    't-postgres',
    '-U',
    'postgres',
    '-c',
    '4',
    '-T',
    '300',
    'postgres',
  )
  await sleep(5000)

  const result = await migrate(['t-postgres', '--leave-peers'])

  await waitForPostgres('beta')
  await docker('alpha', 'wait', 't-pgbench')
  const log = await docker('alpha', 'logs', 't-pgbench')
  const acknowledged = Number(/number of transactions actually processed: (\d+)/.exec(log)?.[1])
  t.ok(acknowledged > 100, `pgbench counts ${acknowledged} acknowledged transactions`)
  const history = Number(await sql('select count(*) from pgbench_history'))
  // Each of the four clients may have had one transaction committed without hearing of it.
  t.ok(history >= acknowledged && history <= acknowledged + 4, `${history} transactions are on the target`)
  const [accounts, tellers, branches, deltas] = (
    await sql(
      'select (select sum(abalance) from pgbench_accounts), (select sum(tbalance) from pgbench_tellers), (select sum(bbalance) from pgbench_branches), (select sum(delta) from pgbench_history)',
    )
  ).split('|')
  t.strictSame([tellers, branches, deltas], [accounts, accounts, accounts], 'the balances agree')
  t.equal(await sql('select count(*) from pgbench_accounts'), '2000000')
  const check = await docker(
    'beta',
    'exec',
    't-postgres',
    'sh',
    '-c',
    '$(echo /usr/lib/postgresql/*/bin/pg_amcheck) -U postgres --install-missing --heapallindexed postgres; echo "ended with $?"',
  )
  t.match(check, /ended with 0$/, 'pg_amcheck finds nothing')
  t.comment(
    `downtime ${result.downtimeSeconds} s ${JSON.stringify(result.downtime)}, rounds ${JSON.stringify(result.rounds)}`,
  )
})

async function waitForPostgres(engine: 'alpha' | 'beta'): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (
      await docker(engine, 'exec', 't-postgres', 'pg_isready', '-U', 'postgres', '-h', '127.0.0.1').catch(
        () => '',
      )
    )
      return
    await sleep(100)
  }
  throw new Error('PostgreSQL did not start')
}

async function sql(query: string): Promise<string> {
  return docker('beta', 'exec', 't-postgres', 'psql', '-U', 'postgres', '-At', '-c', query)
}
