import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import { isEmpty, type Pruned, type PrunePlan } from '../../snapshot/prune/prune.ts'
import { counted, momentOf } from './snapshots.ts'

/** The question before snapshots are deleted. */
export function askToDelete(
  snapshots: readonly { id: string; createdAt: string; containers: readonly string[] }[],
  repository: string,
): string {
  const lines = snapshots.map(
    ({ containers, createdAt, id }) => `  ${id}  ${momentOf(createdAt)}  ${containers.join(', ')}`,
  )
  return [`Delete ${counted(snapshots.length, 'snapshot')} from ${repository}?`, ...lines].join('\n')
}

/** What prune is about to do. */
export function describePlan(plan: PrunePlan, colours: ChalkInstance): string {
  const { freedBytes, halfWritten, repack, snapshots, surplus } = plan
  const lines = snapshots.toReversed().map(({ containers, createdAt, id, reasons, stays }) => {
    const what = `${id}  ${momentOf(createdAt)}  ${containers.join(', ')}`
    return stays ? `  stays  ${what}  (${reasons.join(', ')})` : `  ${colours.red('goes ')}  ${what}`
  })
  if (isEmpty(plan)) return [...lines, 'Nothing to do: everything in the repository is needed.'].join('\n')
  const files =
    halfWritten.length > 0 ? [`${counted(halfWritten.length, 'file')} that runs left half-written`] : []
  const what = [
    ...(surplus.length > 0 ? [`${counted(surplus.length, 'blob')} that nothing needs`] : []),
    ...(repack.length > 0
      ? [`${counted(repack.length, 'pack')} to be written anew, as little of them is needed`]
      : []),
    ...files,
  ]
  return [...lines, ...what.map((line) => `  ${line}`), `  frees about ${prettyBytes(freedBytes)}`].join('\n')
}

/** What prune did. */
export function describePruned(
  { blobs, bytes, removed, republished }: Pruned,
  colours: ChalkInstance,
): string {
  const anew = republished.length > 0 ? `, ${counted(republished.length, 'snapshot')} now in new packs` : ''
  return `${colours.green('✔')} ${counted(removed.length, 'snapshot')} removed${anew}; ${counted(blobs, 'blob')} of ${prettyBytes(bytes)} removed`
}
