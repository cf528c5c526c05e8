import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { runCounter } from './harness/counter.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { goesOn, helpersLeft, started, untilPhase } from './harness/snapshot-run.ts'
import { create, createWords, newRepository, restoredGeneration, times } from './harness/snapshots.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

t.test('snapshot create that is killed at any moment leaves nothing in the way', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter('t-killed')
  const taken: { id: string; generation: string }[] = []
  const take = async (turn: number) => {
    const write = `echo ${turn} > /data/generation; head -c 3M /dev/urandom > /data/random-${turn % 3}`
    await docker('alpha', 'exec', 't-killed', 'sh', '-c', write)
    taken.push({ id: (await create(repo, ['t-killed'])).id, generation: String(turn) })
  }
  const startedMs = performance.now()
  await take(0)
  const usualMs = performance.now() - startedMs
  let killed = 0
  for (let turn = 1; turn <= times('WHERRY_TEST_KILLS', 5); turn++) {
    const run = started(createWords(repo, ['t-killed']))
    await sleep(Math.random() * usualMs)
    run.kill('SIGKILL')
    if ((await run.ended).exitCode === undefined) killed++
    await goesOn(t, lab, 't-killed')
    await take(turn)
  }
  t.comment(`${killed} were killed before they had ended`)
  t.ok(killed > 0)
  t.strictSame(await helpersLeft(lab.alpha), [])
  for (const { id, generation } of taken) t.equal(await restoredGeneration(repo, id, 't-killed'), generation)
})

t.test('snapshot create that is killed while the container is frozen', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter('t-still')
  await writeMuch('t-still')
  for (let turn = 0; turn < 2; turn++) {
    const run = started(createWords(repo, ['t-still']))
    await untilPhase(run, 'final-round')
    run.kill('SIGKILL')
    t.equal((await run.ended).exitCode, undefined)
    await goesOn(t, lab, 't-still')
  }
  await create(repo, ['t-still'])
})

t.test('an agent that is killed while the container is frozen', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter('t-alone')
  await writeMuch('t-alone')
  const run = started(createWords(repo, ['t-alone']))
  await untilPhase(run, 'round-1')
  const all = await lab.alpha.containers.list()
  const agent = all.find(({ Names }) => Names[0]?.startsWith('/wherry-snapshot-'))
  await untilPhase(run, 'final-round')
  await lab.alpha.containers.kill(agent?.Id ?? '').catch(() => undefined)
  const { exitCode, json } = await run.ended
  t.comment(`exit ${exitCode}: ${json?.error?.message}`)
  await goesOn(t, lab, 't-alone')
  t.strictSame(await helpersLeft(lab.alpha), [])
})

t.test('a repository that breaks while the container is frozen', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter('t-broken')
  await writeMuch('t-broken')
  for (let turn = 0; turn < times('WHERRY_TEST_BREAKS', 2); turn++) {
    const run = started(createWords(repo, ['t-broken']))
    await untilPhase(run, 'final-round')
    await rm(join(repo, 'wherry', 'incoming'), { recursive: true })
    const { exitCode, json } = await run.ended
    t.comment(`exit ${exitCode}: ${json?.error?.message}`)
    t.not(exitCode, 0)
    await goesOn(t, lab, 't-broken')
    await mkdir(join(repo, 'wherry', 'incoming'))
  }
  await create(repo, ['t-broken'])
})

/** Something that the last round has to read anew, so that it takes a while. */
async function writeMuch(name: string): Promise<void> {
  const again = 'while :; do head -c 64M /dev/urandom > /data/new; mv /data/new /data/much; done'
  await docker('alpha', 'exec', '-d', name, 'sh', '-c', again)
  await sleep(3000)
}

t.test('Ctrl-C during snapshot create: exit 130, and the container runs', async (t) => {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter('t-interrupted')
  await writeMuch('t-interrupted')
  for (const phase of ['agents', 'round-1', 'final-round', 'store']) {
    const run = started(createWords(repo, ['t-interrupted']))
    await untilPhase(run, phase)
    run.kill('SIGINT')
    const { exitCode, json } = await run.ended
    t.match({ exitCode, json }, { exitCode: 130, json: { error: { exitCode: 130 } } }, phase)
    await goesOn(t, lab, 't-interrupted')
    t.strictSame(await helpersLeft(lab.alpha), [], `no helper is left after ${phase}`)
  }
})
