import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import type { CreateResult } from '../../snapshot/create.ts'

/** What a new snapshot holds, and what it took. */
export function describeCreated(result: CreateResult, colours: ChalkInstance): string {
  const { id, repo, containers, bytesRead, bytesStored, pauseSeconds, totalSeconds } = result
  const lines = [
    `${colours.bold(`snapshot ${id}`)} in ${repo}`,
    ...containers.map(({ name, volumes }) => {
      const of = volumes.map(
        ({ name: volume, bytes, files }) => `${volume} (${prettyBytes(bytes)}, ${files} files)`,
      )
      return `  ${name}${of.length > 0 ? `: ${of.join(', ')}` : ''}`
    }),
    `  read ${prettyBytes(bytesRead)}, stored ${prettyBytes(bytesStored)}`,
    `  stood still for ${pauseSeconds.toFixed(2)} s, ${totalSeconds.toFixed(1)} s in all`,
  ]
  return lines.join('\n')
}
