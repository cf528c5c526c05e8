import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import type { DemoResult } from '../../lab/demo/demo.ts'

/** What the demo showed, as a person reads it. */
export function describeDemo(
  { migration, backSeconds, clients, kept }: DemoResult,
  colours: ChalkInstance,
): string {
  const names = migration.containers.map(({ name }) => name).join(' and ')
  const { source, target } = migration.containers[0] ?? {}
  const widest = Math.max(...kept.map(({ what }) => what.length))
  return [
    colours.bold(
      `${names} moved from ${source?.engine} to ${target?.engine} in ${migration.totalSeconds.toFixed(1)} s, and back in ${backSeconds.toFixed(1)} s`,
    ),
    `  its database and its clients stayed on ${source?.engine}`,
    `  downtime on the way there: ${migration.downtimeSeconds.toFixed(2)} s; data moved: ${prettyBytes(migration.bytesTransferred)}, ${migration.path}`,
    ...clients.flatMap(({ where, saw }) => [
      '',
      colours.bold(`What clients of ${where} saw`),
      `  requests served    ${saw.served}`,
      `  requests failed    ${saw.failed}`,
      `  longest gap        ${saw.longestGapSeconds.toFixed(2)} s`,
    ]),
    '',
    colours.bold('The same before, between and after'),
    ...kept.map(
      ({ what, values, same }) =>
        `  ${same ? colours.green('✔') : colours.red('✘')} ${what.padEnd(widest)}  ${same ? values[0] : values.join(' → ')}`,
    ),
  ].join('\n')
}
