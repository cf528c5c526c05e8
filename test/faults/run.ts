import { parseArgs } from 'node:util'
import { openBench } from './bench.ts'
import { nameOf } from './matrix.ts'
import { tableOf, writeReport } from './report.ts'
import { type Outcome, runCase } from './run-case.ts'
import { fullMatrix, randomCases } from './selection.ts'
import { spread } from './spread.ts'

const { values } = parseArgs({
  options: {
    random: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
    spread: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed)
if (values.random) process.stdout.write(`seed ${seed}\n`)
const drawn = values.random ? randomCases(Number(values.random), seed) : undefined
const cases = (drawn ?? (values.spread ? spread() : fullMatrix())).filter((one) =>
  new RegExp(values.only).test(nameOf(one)),
)
if (values.list) {
  for (const one of cases) process.stdout.write(`${nameOf(one)}\n`)
  process.stdout.write(`${cases.length} cases\n`)
  process.exit()
}

let isWanted = true
process.once('SIGINT', () => {
  isWanted = false
})
const lab = await openBench()
const outcomes: Outcome[] = []
for (const [index, one] of cases.entries()) {
  if (!isWanted) break
  const outcome = await runCase(lab, one)
  outcomes.push(outcome)
  const verdict = outcome.problems.length === 0 ? 'ok  ' : 'FAIL'
  process.stdout.write(
    `${verdict} ${index + 1}/${cases.length} ${nameOf(one)}: ${outcome.ending} (${outcome.seconds.toFixed(1)} s)\n`,
  )
  for (const problem of outcome.problems) process.stdout.write(`       ${problem}\n`)
}
process.stdout.write(`\n${tableOf(outcomes)}\n`)
const failed = outcomes.filter(({ problems }) => problems.length > 0)
process.stdout.write(`${outcomes.length - failed.length} of ${outcomes.length} as they should be\n`)
if (values.write) await writeReport(lab, outcomes, values.random ? seed : undefined)
await lab.close()
process.exitCode = failed.length > 0 || outcomes.length === 0 ? 1 : 0
