import t from 'tap'
import { clear, openLab } from './harness/engines.ts'
import { describeFiles, runFiles } from './harness/files.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage()

for (const flags of [
  ['--path', 'direct'],
  ['--path', 'relay'],
  ['--mode', 'cold'],
]) {
  t.test(`every kind of file arrives identical, ${flags.join(' ')}`, async (t) => {
    t.teardown(() => clear(lab))
    await runFiles()

    await migrate(['t-files'], ...flags)

    const [before, after] = [await describeFiles(lab, 'alpha'), await describeFiles(lab, 'beta')]
    t.ok(before.length > 800, `${before.length} files were compared`)
    t.strictSame(
      after.filter((line, index) => line !== before[index]).slice(0, 10),
      [],
      'what arrived is what was left',
    )
    t.equal(after.length, before.length)
  })
}
