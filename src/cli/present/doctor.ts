import type { ChalkInstance } from 'chalk'
import type { Examination } from '../../doctor/examine.ts'
import type { Leftover } from '../../migrate/recovery/leftovers.ts'

/** What the doctor found, as a person reads it. */
export function describeExaminations(examinations: readonly Examination[], colours: ChalkInstance): string {
  return examinations
    .map(({ engine, url, findings }) =>
      [
        colours.bold(engine === url ? engine : `${engine} (${url})`),
        ...findings.flatMap(({ check, status, message, fix }) => [
          `  ${status === 'ok' ? colours.green('OK     ') : colours.yellow('missing')}  ${check.padEnd(14)}  ${message}`,
          ...(fix ? [`                           fix: ${fix}`] : []),
        ]),
      ].join('\n'),
    )
    .join('\n\n')
}

/** What migrations left on the engines. */
export function describeLeftovers(
  leftovers: readonly Leftover[],
  isFixing: boolean,
  colours: ChalkInstance,
): string {
  return [
    '',
    colours.bold('Left behind'),
    ...leftovers.flatMap(({ message, pieces, fix }) => [
      `  ${colours.yellow('!')} ${message}`,
      ...pieces.map(({ engine, kind, name }) => `      ${engine}: ${kind} ${name}`),
      ...(fix && !isFixing ? ['      fix: wherry doctor ENGINE… --fix'] : []),
    ]),
  ].join('\n')
}
