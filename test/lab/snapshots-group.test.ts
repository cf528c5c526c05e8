import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { image } from './harness/configurations.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { group, logsOf, runGroup, type Standing, standing } from './harness/group.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { create, newRepository, restore, times } from './harness/snapshots.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const copies = group.map((name) => `${name}-copy`)
const named = group.flatMap((name, index) => ['--name', `${name}=${copies[index]}`])

/** What a snapshot of the group, or the snapshots of each alone, hold of the three logs. */
async function standingIn(repo: string, snapshots: readonly string[]): Promise<Standing> {
  for (const [index, snapshot] of snapshots.entries()) {
    const names = snapshots.length === 1 ? named : ['--name', copies[index] ?? '']
    await restore(repo, snapshot, ...names, '--identity', 'new', '--no-start')
  }
  const logs = await logsOf(lab, copies)
  const result = await standing('beta', logs)
  await removeCopies()
  return result
}

async function removeCopies(): Promise<void> {
  const isCopy = ({ Name }: { Name: string }) => copies.some((copy) => Name.startsWith(copy))
  await docker('beta', 'rm', '-f', '-v', ...copies)
  for (const volume of await lab.beta.volumes.list())
    if (isCopy(volume)) await lab.beta.volumes.remove(volume.Name)
  for (const network of await lab.beta.networks.list())
    if (isCopy(network)) await lab.beta.networks.remove(network.Id)
}

t.test('a group that writes in one order is taken at one instant', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runGroup(true)
  const created: string[] = []
  for (let turn = 0; turn < times('WHERRY_TEST_GROUP_SNAPSHOTS', 5); turn++) {
    await sleep(Math.random() * 300)
    const { id, pauseSeconds } = await create(repo, group)
    t.ok(pauseSeconds < 3, `stood still for ${pauseSeconds} s`)
    created.push(id)
  }
  const before: number[] = []
  for (const id of created) {
    const { counts, whole } = await standingIn(repo, [id])
    t.ok(whole, `${id} holds ${counts}`)
    t.ok((counts[0] ?? 0) > (before.at(-1) ?? 0), 'further than the one before')
    before.push(counts[0] ?? 0)
  }
  t.comment(`numbers written up to: ${before}`)

  await restore(repo, 'latest', ...named, '--identity', 'new')
  const logs = await logsOf(lab, copies)
  const first = await standing('beta', logs)
  await sleep(1500)
  const then = await standing('beta', logs)
  t.ok((then.counts[2] ?? 0) > (first.counts[2] ?? 0), 'the copies find each other and go on where they were')
  const inbox = (await lab.beta.containers.inspect('t-web-copy'))?.Mounts.find(
    ({ Destination }) => Destination === '/inbox',
  )
  t.match(inbox, { RW: false, Name: logs[2] }, 'and one still sees the volume of another')
})

t.test('the check finds what was not taken at one instant', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  for (const [name, last] of [
    ['t-made-0', 7],
    ['t-made-1', 8],
    ['t-made-2', 7],
  ] as const) {
    await docker('beta', 'run', '--rm', '-v', `${name}:/v`, image, 'sh', '-c', `seq ${last} > /v/log`)
  }
  const check = (...order: number[]) =>
    standing(
      'beta',
      order.map((index) => `t-made-${index}`),
    )
  t.strictSame(await check(0, 1, 2), { counts: [7, 8, 7], whole: false }, 'what comes later is further')
  t.strictSame(await check(1, 0, 2), { counts: [8, 7, 7], whole: true })

  await runGroup(false)
  const torn: Standing[] = []
  for (let turn = 0; turn < 3 && torn.length === 0; turn++) {
    const snapshots: string[] = []
    for (const name of group) snapshots.push((await create(repo, [name])).id)
    const seen = await standingIn(repo, snapshots)
    if (!seen.whole) torn.push(seen)
  }
  t.ok(torn.length > 0, `one by one they do not fit together: ${JSON.stringify(torn)}`)
})
