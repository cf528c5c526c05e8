import t from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, inEngine, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
const { alphaFacts: alpha, betaFacts: beta } = lab
await ensureWorkloadImage(['alpha', 'beta'])
const loop = 'trap "exit 0" TERM; while :; do sleep 0.1; done'
const fromTo = ['--from', 'wherry-alpha', '--to', 'wherry-beta', '--json']

async function clearHosts(): Promise<void> {
  await clear(lab)
  for (const engine of [alpha, beta])
    await inEngine(engine, 'sh', '-c', 'rm -rf /srv/t-* /mnt/t-disk /run/t-bind')
}

t.test('--binds copy takes bind mounts along, of both spellings', async (t) => {
  t.teardown(clearHosts)
  await inEngine(
    alpha,
    'sh',
    '-c',
    'mkdir -p /srv/t-data/sub /srv/t-more; echo one > /srv/t-data/sub/file; echo two > /srv/t-more/file; chmod 700 /srv/t-more',
  )
  const mounts = [
    '-v',
    '/srv/t-data:/data',
    '--mount',
    'type=bind,source=/srv/t-more,destination=/more,readonly',
  ]
  await docker('alpha', 'run', '-d', '--name', 't-bind', ...mounts, image, 'sh', '-c', loop)
  await migrate(['t-bind'], '--binds', 'copy')
  t.equal(await inEngine(beta, 'cat', '/srv/t-data/sub/file', '/srv/t-more/file'), 'one\ntwo')
  t.equal(await docker('beta', 'exec', 't-bind', 'cat', '/data/sub/file', '/more/file'), 'one\ntwo')
  t.equal(await inEngine(beta, 'stat', '-c', '%a', '/srv/t-more'), '700')
  t.strictSame(await lab.beta.volumes.list({ labels: ['wherry.migration'] }), [], 'no record is left')
})

t.test('--binds copy leaves the host as it was when it fails', async (t) => {
  t.teardown(clearHosts)
  const make =
    'mkdir -p /srv/t-data/deep/er /srv/t-more; echo x > /srv/t-data/deep/er/file; chmod 700 /srv/t-more'
  await inEngine(alpha, 'sh', '-c', make)
  await inEngine(beta, 'mkdir', '-p', '/srv/t-more')
  const look = ['sh', '-c', 'find /srv -printf "%p %m %u %T@\\n" | grep /srv/t- | sort']
  const script = `[ "$(hostname)" = beta ] && exit 7; ${loop}`
  const mounts = ['-v', '/srv/t-data/deep/er:/data', '-v', '/srv/t-more:/more']
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-bind',
    '--uts',
    'host',
    ...mounts,
    image,
    'sh',
    '-c',
    script,
  )
  const before = [await objectsOn(lab.beta), await inEngine(beta, ...look)]
  const ended = await wherry(['migrate', 't-bind', ...fromTo, '--binds', 'copy'])
  t.equal(ended.exitCode, 4, ended.stderr)
  t.strictSame([await objectsOn(lab.beta), await inEngine(beta, ...look)], before)
})

t.test('--binds copy does not write over what is there', async (t) => {
  t.teardown(clearHosts)
  await inEngine(alpha, 'mkdir', '-p', '/srv/t-data')
  await inEngine(beta, 'sh', '-c', 'mkdir -p /srv/t-data; echo mine > /srv/t-data/file')
  await docker('alpha', 'run', '-d', '--name', 't-bind', '-v', '/srv/t-data:/data', image, 'sh', '-c', loop)
  const ended = await wherry(['migrate', 't-bind', ...fromTo, '--binds', 'copy'])
  t.equal(ended.exitCode, 3)
  t.equal(ended.json.error.code, 'bind-exists')
  t.equal(await inEngine(beta, 'cat', '/srv/t-data/file'), 'mine')
})

t.test('--binds keep uses what is on the target, and refuses where nothing is', async (t) => {
  t.teardown(clearHosts)
  await inEngine(alpha, 'mkdir', '-p', '/srv/t-data')
  await docker('alpha', 'run', '-d', '--name', 't-bind', '-v', '/srv/t-data:/data', image, 'sh', '-c', loop)
  const refused = await wherry(['migrate', 't-bind', ...fromTo, '--binds', 'keep'])
  t.equal(refused.json.error.code, 'bind-missing')
  await inEngine(beta, 'sh', '-c', 'mkdir -p /srv/t-data; echo theirs > /srv/t-data/file')
  await migrate(['t-bind'], '--binds', 'keep')
  t.equal(await docker('beta', 'exec', 't-bind', 'cat', '/data/file'), 'theirs')
})

t.test('host paths through absolute symlinks are those of the host', async (t) => {
  t.teardown(clearHosts)
  const disk = 'mkdir -p /mnt/t-disk/app /run/t-bind; ln -s /mnt/t-disk /srv/t-data; '
  await inEngine(alpha, 'sh', '-c', `${disk} echo one > /mnt/t-disk/app/file`)
  await inEngine(beta, 'sh', '-c', `${disk} echo mine > /mnt/t-disk/app/file`)
  const start = (source: string) =>
    docker('alpha', 'run', '-d', '--name', 't-bind', '-v', `${source}:/data`, image, 'sh', '-c', loop)
  await start('/srv/t-data/app')
  const refused = await wherry(['migrate', 't-bind', ...fromTo, '--binds', 'copy'])
  t.equal(refused.json.error?.code, 'bind-exists', 'what is behind the link is not written over')
  t.equal(await inEngine(beta, 'cat', '/mnt/t-disk/app/file'), 'mine')

  await inEngine(beta, 'rm', '-r', '/mnt/t-disk/app')
  await migrate(['t-bind'], '--binds', 'copy')
  t.equal(await inEngine(beta, 'cat', '/mnt/t-disk/app/file'), 'one', 'the copy is behind the link too')
  t.equal(await inEngine(beta, 'readlink', '/srv/t-data'), '/mnt/t-disk')

  await clear(lab)
  await start('/var/run/t-bind')
  await migrate(['t-bind'], '--binds', 'keep')
})

t.test('--binds copy refuses where a link leads nowhere', async (t) => {
  t.teardown(clearHosts)
  await inEngine(alpha, 'mkdir', '-p', '/srv/t-data/app')
  await inEngine(beta, 'ln', '-s', '/mnt/t-disk', '/srv/t-data')
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-bind',
    '-v',
    '/srv/t-data/app:/data',
    image,
    'sh',
    '-c',
    loop,
  )
  const refused = await wherry(['migrate', 't-bind', ...fromTo, '--binds', 'copy'])
  t.equal(refused.exitCode, 3)
  t.equal(refused.json.error.code, 'bind-dead-end')
})

t.test('a container that is stopped is moved, and not started', async (t) => {
  t.teardown(clearHosts)
  await docker('alpha', 'network', 'create', '--subnet', '10.31.60.0/24', 't-net')
  await docker(
    'alpha',
    'run',
    '--name',
    't-stopped',
    '--network',
    't-net',
    '--ip',
    '10.31.60.7',
    '-v',
    't-data:/data',
    image,
    'sh',
    '-c',
    'echo kept > /data/file',
  )
  const result = await migrate(['t-stopped'])
  t.equal(result.downtimeSeconds, 0)
  const copy = await lab.beta.containers.inspect('t-stopped')
  t.equal(copy?.State.Status, 'created')
  t.equal(await docker('beta', 'run', '--rm', '-v', 't-data:/data', image, 'cat', '/data/file'), 'kept')
})
