import t from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

// Two processes that write all the time, on the source only: what they wrote last can then be compared.
const writers = `[ "$(hostname)" = beta ] && exec sleep infinity
  i=0; while :; do i=$((i+1)); echo $i >> /data/child; done &
  while :; do i=$((i+1)); echo $i >> /data/log; done`
const start = (...args: string[]) =>
  docker('alpha', 'run', '-d', '--name', 't-froze', '--uts', 'host', ...args, image, 'sh', '-c', writers)

t.test('a source that was frozen is killed after the commit, without running on', async (t) => {
  t.teardown(() => clear(lab))
  await start('--restart', 'unless-stopped', '-v', 't-froze:/data')
  await migrate(['t-froze'], '--consistency', 'crash')
  const copy = await lab.alpha.containers.inspect('t-froze')
  t.match(copy?.State, { Status: 'exited', Paused: false, ExitCode: 137 })
  t.equal(copy?.HostConfig.RestartPolicy?.Name, 'no')
  const digests = ['run', '--rm', '-v', 't-froze:/data', image, 'sha256sum', '/data/child', '/data/log']
  t.equal(
    await docker('alpha', ...digests),
    await docker('beta', ...digests),
    'not one line was written since',
  )
  await t.rejects(docker('alpha', 'unpause', 't-froze'))
})

t.test('one that was started with --rm stays frozen, and the result says what to do', async (t) => {
  t.teardown(() => clear(lab))
  await start('--rm', '-v', '/data')
  const { warnings } = await migrate(['t-froze'])
  t.equal((await lab.alpha.containers.inspect('t-froze'))?.State.Paused, true)
  const told = warnings.find(({ code }: { code: string }) => code === 'auto-remove')
  t.match(told?.message, /Never unpause it.* docker --context wherry-alpha rm -fv t-froze/)
})
