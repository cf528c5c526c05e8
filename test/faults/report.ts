import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../lab/harness/engines.ts'
import { type FaultName, faults } from './faults/index.ts'
import { type Case, type Way, wordsOf } from './matrix.ts'
import type { Outcome } from './run-case.ts'

const path = fileURLToPath(new URL('../../docs/design/faults.md', import.meta.url))

/** The table fault × moment, a table for each way of migrating; a cell holds how each of its cases ended. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const ways = distinct(outcomes.map(({ case: { way } }) => headingOf(way)))
  return ways
    .map((way) => {
      const own = outcomes.filter(({ case: one }) => headingOf(one.way) === way)
      return `### ${way}\n\n${grid(own)}\n`
    })
    .join('\n')
}

function grid(outcomes: readonly Outcome[]): string {
  const columns = distinct(outcomes.map(({ case: { fault } }) => fault))
  const rows = distinct(outcomes.map(({ case: one }) => momentOf(one)))
  const lines = rows.map((row) => {
    const cells = columns.map((column) =>
      outcomes
        .filter(({ case: one }) => momentOf(one) === row && one.fault === column)
        .map(cellOf)
        .join('; '),
    )
    return `| ${[row, ...cells].join(' | ')} |`
  })
  return [`| | ${columns.join(' | ')} |`, `|---|${columns.map(() => '---|').join('')}`, ...lines].join('\n')
}

function cellOf({ ending, problems }: Outcome): string {
  return problems.length === 0 ? ending : `**FAIL** ${ending}`
}

const headingOf = (way: Way) => wordsOf(way).join(', ')
const momentOf = ({ moment: { step, at } }: Case) => `${step} ${at}`

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)]
}

/** Writes docs/design/faults.md. */
export async function writeReport(lab: Lab, outcomes: readonly Outcome[], seed?: number): Promise<void> {
  const { alpha, beta } = lab
  const good = outcomes.filter(({ problems }) => problems.length === 0).length
  const acknowledged = outcomes.reduce((sum, one) => sum + one.acknowledged, 0)
  const slowest = Math.max(...outcomes.map(({ seconds }) => seconds))
  const used = distinct(outcomes.map(({ case: { fault } }) => fault))
  const text = `# What happens when something dies

Made by \`npm run test:faults -- ${seed === undefined ? '' : `--random ${outcomes.length} --seed ${seed} `}--write\` on ${new Date().toISOString().slice(0, 10)}: Docker ${alpha.version} to
Docker ${beta.version}, Node ${process.versions.node}, Linux ${alpha.info.KernelVersion}. ${outcomes.length} combinations, ${good} of them as they should be;
${acknowledged} records were acknowledged, and none of those was lost where a cell does not say FAIL.

Every cell is a migration of a container that writes synced records all the time, with one fault, at a record of the
journal ("intent", "done", "commit") or a while into a step ("inside"). It tells the exit code of \`wherry migrate\`: 0 the
container runs on the target, 4 and 130 it was put back, 5 the user is asked. "killed" and 5 are followed by the one
command that was given then. After each, test/faults asserts that exactly one copy runs and that no two ever did, that
all acknowledged records are there, in order, on all kinds of storage, that nothing is left on either engine but the fenced copy,
that names, addresses and restart policy are as before, and that the exit code and the message help. "stretched" is a move with
\`--stretch --forward\` while a peer stays behind: it finds the container by its name afterwards, wherever that runs, the
source's published port answers, and what joins networks is on both engines or on neither. The slowest case took
${slowest.toFixed(0)} s with its set-up.

${used.map((fault: FaultName) => `- **${fault}**: ${faults[fault].title}`).join('\n')}

${tableOf(outcomes)}`
  await writeFile(path, text)
}
