import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { runCounter } from './harness/counter.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { TestRegistry } from './harness/registry.ts'
import { goesOn, helpersLeft, started } from './harness/snapshot-run.ts'
import { create, createWords, restoredGeneration, restoreWords, times } from './harness/snapshots.ts'
import { succeed } from './harness/wherry.ts'

const lab = await openLab()
await ensureWorkloadImage(['alpha', 'beta'])
const base = await mkdtemp(join(tmpdir(), 'wherry-kills-'))
const registry = await TestRegistry.start({ directory: join(base, 'registry') })
t.teardown(async () => {
  await registry.stop()
  await clear(lab)
  await lab.close()
  await rm(base, { recursive: true, force: true })
})
const repo = join(base, 'repo')
const name = 't-killed'
const kept = 4
const place = `${registry.host}/killed`

/** What is killed. Each turn the next of them. */
const operations = {
  create: () => createWords(repo, [name]),
  prune: () => ['snapshot', 'prune', '--repo', repo, '--keep-last', String(kept), '--yes'],
  push: () => ['snapshot', 'push', 'latest', place, '--repo', repo],
  restore: () => restoreWords(repo, 'latest'),
}
type Operation = keyof typeof operations

/** Which generation of the data each snapshot holds, the oldest first. */
const taken: { id: string; generation: string }[] = []

t.test('create, prune, push and restore, killed at random moments', async (t) => {
  await runCounter(name)
  const beta = await objectsOn(lab.beta)
  await take(0)
  const usualMs = await usually(beta)
  const killed: Record<Operation, number> = { create: 0, prune: 0, push: 0, restore: 0 }
  const names = Object.keys(operations) as Operation[]
  for (let turn = 1; turn <= times('WHERRY_TEST_RANDOM_KILLS', 8); turn++) {
    const operation = names[turn % names.length] ?? 'create'
    const newest = await take(turn)
    // One that comes to its end before says how long they take now.
    for (let isKilled = false; !isKilled; ) {
      const startedMs = performance.now()
      const run = started(operations[operation]())
      await sleep(Math.random() * usualMs[operation])
      run.kill('SIGKILL')
      isKilled = (await run.ended).exitCode === undefined
      if (!isKilled) usualMs[operation] = performance.now() - startedMs
      if (!isKilled && operation === 'restore') await takeBack(t, beta)
    }
    killed[operation]++
    await goesOn(t, lab, name)
    if (operation === 'restore') await takeBack(t, beta)
    const verified = await succeed('snapshot', 'verify', '--repo', repo)
    t.ok(verified, `turn ${turn}: ${operation} was killed, the repository verifies`)
    const there = await listed()
    const needed = taken.slice(-kept).map(({ id }) => id)
    t.ok(
      needed.every((id) => there.includes(id)) && there.includes(newest),
      'every snapshot to be kept is there',
    )
    forgetAllBut(there)
  }
  t.comment(`killed: ${JSON.stringify(killed)}`)
  t.ok(
    Object.values(killed).every((count) => count > 0),
    'each of them was killed',
  )
  t.strictSame(await helpersLeft(lab.alpha), [])
})

t.test('every snapshot restores, and is whole in the registry', async (t) => {
  await succeed('snapshot', 'verify', '--repo', repo, '--read-data')
  for (const { id, generation } of taken) {
    t.equal(await restoredGeneration(repo, id, name), generation, id)
    await succeed('snapshot', 'push', id, place, '--repo', repo)
  }
  const copy = join(base, 'copy')
  for (const { id } of taken) await succeed('snapshot', 'pull', `${place}:${id}`, '--repo', copy)
  await succeed('snapshot', 'verify', '--repo', copy, '--read-data')
})

/** Writes something new, and takes a snapshot of it. */
async function take(turn: number): Promise<string> {
  const write = `echo ${turn} > /data/generation; head -c 3M /dev/urandom > /data/random-${turn % 3}`
  await docker('alpha', 'exec', name, 'sh', '-c', write)
  const { id } = await create(repo, [name])
  taken.push({ id, generation: String(turn) })
  return id
}

/** How long each operation takes that is not killed, in milliseconds. */
async function usually(beta: unknown): Promise<Record<Operation, number>> {
  const measured: Record<Operation, number> = { create: 0, prune: 0, push: 0, restore: 0 }
  for (const operation of Object.keys(operations) as Operation[]) {
    const startedMs = performance.now()
    const { exitCode, json } = await started(operations[operation]()).ended
    if (exitCode !== 0) throw new Error(`${operation}: ${JSON.stringify(json)}`)
    measured[operation] = performance.now() - startedMs
  }
  await removeRestored()
  t.strictSame(await objectsOn(lab.beta), beta)
  // What the measured create made belongs to the first generation.
  const known = taken.map(({ id }) => id)
  for (const id of (await listed()).filter((one) => !known.includes(one))) taken.push({ id, generation: '0' })
  return measured
}

/** A killed restore is taken back by its journal; one that came to its end by hand. */
async function takeBack(t: Test, beta: unknown): Promise<void> {
  const { migrations } = await succeed('migration', 'list')
  for (const { id, containers, status } of migrations) {
    if (containers.includes(name) && status === 'interrupted') await succeed('migration', 'rollback', id)
  }
  t.strictSame(await helpersLeft(lab.beta), [])
  await removeRestored()
  t.strictSame(await objectsOn(lab.beta), beta, 'nothing is left of it')
}

/** Fine where there is nothing. */
async function removeRestored(): Promise<void> {
  await lab.beta.containers.remove(name)
  if (await lab.beta.volumes.inspect(name)) await lab.beta.volumes.remove(name)
}

async function listed(): Promise<string[]> {
  const { snapshots } = await succeed('snapshot', 'list', '--repo', repo)
  return snapshots.map(({ id }: { id: string }) => id)
}

/** Of a create that was killed after it had published, nobody knows the id yet: it holds what the newest holds. */
function forgetAllBut(there: readonly string[]): void {
  const known = taken.map(({ id }) => id)
  const last = taken.at(-1)?.generation ?? ''
  for (const id of there.filter((one) => !known.includes(one))) taken.push({ id, generation: last })
  for (const { id } of taken.filter((one) => !there.includes(one.id)))
    taken.splice(
      taken.findIndex((one) => one.id === id),
      1,
    )
}
