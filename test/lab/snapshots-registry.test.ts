import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { assertCounts, runCounter } from './harness/counter.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { TestRegistry } from './harness/registry.ts'
import { create, restore } from './harness/snapshots.ts'
import { wherry } from './harness/wherry.ts'

const lab = await openLab()
await ensureWorkloadImage(['alpha', 'beta'])
const base = await mkdtemp(join(tmpdir(), 'wherry-registry-'))
const registry = await TestRegistry.start({ directory: join(base, 'registry') })
t.teardown(async () => {
  await registry.stop()
  await rm(base, { recursive: true, force: true })
  await clear(lab)
  await lab.close()
})
/** What wherry keeps on this machine goes with the test. */
process.env.XDG_CACHE_HOME = join(base, 'cache')

t.test('a container goes straight into a registry, and comes from there', async (t) => {
  const repo = `${registry.host}/backup/t-far`
  await runCounter('t-far')
  await docker('alpha', 'exec', 't-far', 'sh', '-c', 'head -c 70M /dev/urandom > /data/much')
  const first = await create(repo, ['t-far'])
  t.ok(first.bytesStored > 70e6, 'more than one pack')
  const second = await create(repo, ['t-far'])
  t.ok(second.bytesStored < 1e6, `what is there is not sent again: ${second.bytesStored}`)
  const sum = await docker('alpha', 'exec', 't-far', 'sha256sum', '/data/much')

  await restore(repo, second.id)
  t.equal(await docker('beta', 'exec', 't-far', 'sha256sum', '/data/much'), sum)
  await assertCounts(t, 'beta', 't-far')
  await docker('beta', 'rm', '-fv', 't-far')
  await docker('beta', 'volume', 'rm', 't-far')
  const { json } = await wherry(['snapshot', 'list', '--repo', repo, '--json'])
  t.strictSame(json.snapshots.map(({ id }: { id: string }) => id).sort(), [first.id, second.id].sort())
  const straight = await wherry(['restore', `${repo}:${first.id}`, '--to', 'wherry-beta', '--json'])
  t.equal(straight.exitCode, 0, straight.stdout)
  t.equal(await docker('beta', 'exec', 't-far', 'sha256sum', '/data/much'), sum)
})
