import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { image } from './harness/configurations.ts'
import { failed, runCounter } from './harness/counter.ts'
import { clear, docker, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { create, createWords, newRepository, restoreWords } from './harness/snapshots.ts'
import { wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

/** A repository with a snapshot of the counter of this name. */
async function snapshotOf(t: Test, name: string): Promise<string> {
  t.teardown(() => clear(lab))
  const repo = await newRepository(t)
  await runCounter(name)
  await docker('alpha', 'exec', name, 'sh', '-c', 'head -c 8M /dev/urandom > /data/much')
  await create(repo, [name])
  return repo
}

/** What a restore says that must leave both engines as they are. */
async function refused(t: Test, repo: string, snapshot = 'latest', ...flags: string[]): Promise<unknown> {
  const before = [await objectsOn(lab.alpha), await objectsOn(lab.beta)]
  const ended = await wherry([...restoreWords(repo, snapshot, ...flags), '--json'])
  t.strictSame([await objectsOn(lab.alpha), await objectsOn(lab.beta)], before, 'both engines are as before')
  t.comment(ended.json?.error?.message)
  return failed(ended)
}

t.test('what is there already is not overwritten', async (t) => {
  const repo = await snapshotOf(t, 't-taken')
  await docker('beta', 'run', '-d', '--name', 't-taken', image, 'sleep', 'infinity')
  t.match(await refused(t, repo), { exitCode: 3, code: 'name-taken' })
  await docker('beta', 'rm', '-f', 't-taken')
  await docker('beta', 'volume', 'create', 't-taken')
  t.match(await refused(t, repo), { exitCode: 3, code: 'volume-exists' })
  t.match(await refused(t, repo, 'latest', '--name', 't-other'), { exitCode: 3, code: 'volume-exists' })
})

t.test('what is not there is not restored', async (t) => {
  const repo = await snapshotOf(t, 't-there')
  t.match(await refused(t, repo, '000000000000'), { exitCode: 3, code: 'unknown-snapshot' })
  t.match(await refused(t, repo, 'latest', '--container', 't-nobody'), {
    exitCode: 3,
    code: 'unknown-container',
  })
  t.match(await refused(t, `${repo}-not`), { exitCode: 3, code: 'no-repository' })
  t.match(failed(await wherry([...createWords(repo, ['t-nobody']), '--json'])), { exitCode: 3 })
})

t.test('a damaged repository: nothing of the snapshot is left on the engine', async (t) => {
  const repo = await snapshotOf(t, 't-damaged')
  const blobs = join(repo, 'blobs', 'sha256')
  const names = await readdir(blobs)
  t.ok(names.length >= 4, 'a manifest, a config, an index and packs')
  for (const name of names) {
    const blob = join(blobs, name)
    const whole = await readFile(blob)
    for (const [what, content] of [
      ['one bit', flipped(whole)],
      ['cut off', whole.subarray(0, Math.max(0, whole.length - 1000))],
      ['missing', undefined],
    ] as const) {
      await (content ? writeFile(blob, content) : rm(blob))
      t.match(await refused(t, repo), { exitCode: 8 }, `${what}: ${name.slice(0, 8)}, ${whole.length} bytes`)
      const verified = await wherry(['snapshot', 'verify', '--repo', repo, '--read-data', '--json'])
      t.equal(verified.exitCode, 8, 'verify says so too')
      t.ok(`${verified.stdout}${verified.stderr}`.includes(name.slice(0, 16)), 'and names it')
    }
    await writeFile(blob, whole)
  }
  t.equal((await wherry([...restoreWords(repo, 'latest'), '--json'])).exitCode, 0, 'whole it is restored')
})

function flipped(content: Buffer): Buffer {
  const damaged = Buffer.from(content)
  const middle = damaged.length >> 1
  damaged[middle] = (damaged[middle] ?? 0) ^ 1
  return damaged
}
