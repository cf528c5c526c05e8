import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { image } from './harness/configurations.ts'
import { assertCounts, failed, runCounter } from './harness/counter.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { wherry } from './harness/wherry.ts'

const lab = await openLab()
await ensureWorkloadImage(['alpha'])
const cache = await mkdtemp(join(tmpdir(), 'wherry-clone-'))
process.env.XDG_CACHE_HOME = cache
t.teardown(async () => {
  await rm(cache, { recursive: true, force: true })
  await clear(lab)
  await lab.close()
})

const words = (...more: string[]) => [
  'clone',
  't-original',
  't-copy',
  '--from',
  'wherry-alpha',
  ...more,
  '--json',
]
/** Copies that are kept while they are made. */
const kept = async () => (await readdir(join(cache, 'wherry'))).filter((name) => name.startsWith('clone-'))

t.test('a copy runs beside its original, which goes on', async (t) => {
  await runCounter('t-original', '-p', '18090:80', '--hostname', 'original')
  // What a killed one has left, and what one has that is still at it.
  await mkdir(join(cache, 'wherry'), { recursive: true })
  for (const pid of [2 ** 22, process.pid]) {
    await mkdir(join(cache, 'wherry', `clone-${hostname()}-${pid}-left`))
    await writeFile(join(cache, 'wherry', `clone-${hostname()}-${pid}-left`, 'data'), 'of a container')
  }
  const before = await docker('alpha', 'inspect', '--format', '{{.Id}} {{.State.StartedAt}}', 't-original')
  for (const to of ['wherry-alpha', 'wherry-beta']) {
    const ended = await wherry(words('--to', to))
    t.equal(ended.exitCode, 0, ended.stdout)
    t.equal(ended.json.containers[0].name, 't-copy')
    await assertCounts(t, to === 'wherry-alpha' ? 'alpha' : 'beta', 't-copy')
    t.strictSame(await kept(), [`clone-${hostname()}-${process.pid}-left`], 'nothing of it is kept')
  }
  await assertCounts(t, 'alpha', 't-original')
  t.equal(await docker('alpha', 'inspect', '--format', '{{.Id}} {{.State.StartedAt}}', 't-original'), before)
  const facts =
    '{{.Config.Hostname}} {{(index .Mounts 0).Name}} {{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}'
  const [host, volume, port] = (await docker('alpha', 'inspect', '--format', facts, 't-copy')).split(' ')
  t.not(host, 'original')
  t.not(volume, 't-original')
  t.not(port, '18090')
})

t.test('what forbids a copy is known before anything is read', async (t) => {
  await docker('beta', 'rm', '-fv', 't-copy')
  await docker('beta', 'run', '-d', '--name', 't-copy', image, 'sleep', 'infinity')
  const before = [await objectsOn(lab.alpha), await objectsOn(lab.beta)]
  const ended = await wherry(words('--to', 'wherry-beta'))
  t.strictSame(failed(ended), { exitCode: 3, code: 'name-taken' })
  t.notMatch(ended.stderr, /reading/)
  t.strictSame([await objectsOn(lab.alpha), await objectsOn(lab.beta)], before)
})
