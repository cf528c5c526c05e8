import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { clear, docker, openLab } from './harness/engines.ts'
import { describeFiles, runFiles } from './harness/files.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { create, newRepository, restore } from './harness/snapshots.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])
const change = await readFile(new URL('./harness/change.py', import.meta.url), 'utf8')

for (const path of ['direct', 'relay']) {
  t.test(`every kind of file is restored as it was, over ${path}`, async (t) => {
    t.teardown(() => clear(lab))
    const repo = await newRepository(t)
    await runFiles()

    // What was once stopped changes nothing more: what alpha has afterwards is what was taken.
    const first = await create(repo, ['t-files'], '--standstill', 'stop', '--path', path)
    const atFirst = await describeFiles(lab, 'alpha')
    t.match(first, { link: path, rounds: { length: 2 } })
    await docker('alpha', 'exec', 't-files', 'python3', '-c', change, '/v/matrix', '/layer')
    // What changed within two seconds before it was read is read again, and would count twice.
    await sleep(2500)
    const atSecond = await describeFiles(lab, 'alpha')
    const second = await create(repo, ['t-files'], '--path', path)
    t.same(await describeFiles(lab, 'alpha'), atSecond, 'a snapshot changes nothing')
    t.not(atFirst.length, atSecond.length)
    t.ok(second.bytesRead < first.bytesRead / 2, `${second.bytesRead} bytes were read of what had changed`)

    await restore(repo, second.id, '--no-start', '--path', path)
    sameFiles(t, await describeFiles(lab, 'beta'), atSecond)
    const words = ['--name', 't-first', '--identity', 'new', '--no-start', '--path', path]
    await restore(repo, first.id, ...words)
    sameFiles(t, await describeFiles(lab, 'beta', 't-first'), atFirst)
  })
}

function sameFiles(t: Test, restored: readonly string[], taken: readonly string[]): void {
  t.ok(taken.length > 800, `${taken.length} files were compared`)
  t.strictSame(restored.filter((line, index) => line !== taken[index]).slice(0, 10), [])
  t.equal(restored.length, taken.length)
}
