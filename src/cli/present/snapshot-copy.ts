import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import type { ImportResult } from '../../snapshot/archive-reader.ts'
import type { CopyResult } from '../../snapshot/copy.ts'
import type { PushResult } from '../../snapshot/push.ts'

/** What was copied, and what it took. */
export function describeCopied(result: CopyResult, colours: ChalkInstance): string {
  const { id, title, to, copied, present, totalSeconds } = result
  const there = present.blobs > 0 ? `, ${prettyBytes(present.bytes)} were there` : ''
  return [
    `${colours.bold(`snapshot ${id}`)}${title === undefined ? '' : ` (${title})`} in ${to}`,
    `  ${prettyBytes(copied.bytes)} copied${there}, ${totalSeconds.toFixed(1)} s`,
  ].join('\n')
}

/** The same, and where it can be pulled from. */
export function describePushed(result: PushResult, colours: ChalkInstance): string {
  const names = result.tags.map((tag) => `${result.to}:${tag}`)
  return [describeCopied(result, colours), ...names.map((name) => `  ${name}`)].join('\n')
}

/** Which snapshots an archive brought. */
export function describeImported(result: ImportResult, colours: ChalkInstance): string {
  const { repo, snapshots, bytesStored, bytesPresent, totalSeconds } = result
  return [
    ...snapshots.map(
      ({ id, title, isNew }) =>
        `${colours.bold(`snapshot ${id}`)}${title === undefined ? '' : ` (${title})`} ${isNew ? 'in' : 'was already in'} ${repo}`,
    ),
    `  ${prettyBytes(bytesStored)} stored, ${prettyBytes(bytesPresent)} were there, ${totalSeconds.toFixed(1)} s`,
  ].join('\n')
}
