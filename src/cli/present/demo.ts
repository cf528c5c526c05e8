import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import type { DemoResult } from '../../lab/demo/demo.ts'

/** What the demo showed, as a person reads it. */
export function describeDemo({ migration, visitors, kept }: DemoResult, colours: ChalkInstance): string {
  const names = migration.containers.map(({ name }) => name).join(' and ')
  const { source, target } = migration.containers[0] ?? {}
  const volumes = migration.containers.flatMap((container) => container.volumes)
  const widest = Math.max(...kept.map(({ what }) => what.length))
  return [
    colours.bold(
      `${names} moved from ${source?.engine} to ${target?.engine} in ${migration.totalSeconds.toFixed(1)} s`,
    ),
    '',
    `  requests served    ${visitors.served}`,
    `  requests failed    ${visitors.failed}`,
    `  longest gap        ${visitors.longestGapSeconds.toFixed(2)} s (downtime as wherry measured it: ${migration.downtimeSeconds.toFixed(2)} s)`,
    `  data moved         ${prettyBytes(migration.bytesTransferred)}, image and ${migration.rounds.length} rounds, ${migration.path}`,
    '',
    colours.bold('Compared before and after'),
    ...kept.map(
      ({ what, before, after, same }) =>
        `  ${same ? colours.green('✔') : colours.red('✘')} ${what.padEnd(widest)}  ${same ? after : `${before} → ${after}`}`,
    ),
    ...volumes.map(
      ({ name, files, digest }) =>
        `  ${colours.green('✔')} volume ${name}: ${files} files, equal on both sides (sha256 ${digest.slice(0, 12)})`,
    ),
  ].join('\n')
}
