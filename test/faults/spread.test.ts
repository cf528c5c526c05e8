import t from 'tap'
import { openBench } from './bench.ts'
import { nameOf } from './matrix.ts'
import { runCase } from './run-case.ts'
import { spread } from './spread.ts'

const lab = await openBench()
t.teardown(() => lab.close())

for (const one of spread()) {
  t.test(nameOf(one), async (t) => {
    const { problems, ending, acknowledged, seconds } = await runCase(lab, one)
    t.strictSame(problems, [])
    t.comment(`${ending}; ${acknowledged} records acknowledged; ${seconds.toFixed(1)} s`)
  })
}
