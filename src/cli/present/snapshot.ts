import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import type { CreateResult } from '../../snapshot/create.ts'
import type { RestoreResult } from '../../snapshot/restore/restore.ts'
import type { RestoreVolumeResult } from '../../snapshot/restore/volume.ts'

/** What a new snapshot holds, and what it took. */
export function describeCreated(result: CreateResult, colours: ChalkInstance): string {
  const { id, repo, containers, bytesRead, bytesStored, pauseSeconds, totalSeconds } = result
  const lines = [
    `${colours.bold(`snapshot ${id}`)} in ${repo}`,
    ...containers.map(({ name, volumes, memoryBytes }) => {
      const of = volumes.map(
        ({ name: volume, bytes, files }) =>
          `${volume} (${prettyBytes(bytes)}, ${files} ${files === 1 ? 'file' : 'files'})`,
      )
      if (memoryBytes !== undefined) of.push(`its memory (${prettyBytes(memoryBytes)})`)
      return `  ${name}${of.length > 0 ? `: ${of.join(', ')}` : ''}`
    }),
    `  read ${prettyBytes(bytesRead)}, stored ${prettyBytes(bytesStored)}`,
    `  stood still for ${pauseSeconds.toFixed(2)} s, ${totalSeconds.toFixed(1)} s in all`,
  ]
  return lines.join('\n')
}

/** What was restored, and how it is reached now. */
export function describeRestored(result: RestoreResult, colours: ChalkInstance): string {
  const { snapshot, engine, containers, bytesWritten, totalSeconds } = result
  const names = containers.map(({ name }) => name).join(', ')
  return [
    `${colours.bold(`${names} restored`)} on ${engine} from snapshot ${snapshot}`,
    ...containers.flatMap(({ name, running, volumes, networks, ports }) => [
      `  ${name}: ${running ? 'runs' : 'does not run'}`,
      ...volumes.map(
        ({ name: volume, destination, bytes, files }) =>
          `    ${destination}: ${volume} (${prettyBytes(bytes)}, ${files} ${files === 1 ? 'file' : 'files'})`,
      ),
      ...networks.map(
        ({ name: network, ipv4, ipv6 }) =>
          `    ${network}: ${[ipv4, ipv6].filter(Boolean).join(', ') || 'no address'}`,
      ),
      ...Object.entries(ports).flatMap(([port, bindings]) =>
        (bindings ?? []).map(({ HostIp, HostPort }) => `    ${port}: ${HostIp || '0.0.0.0'}:${HostPort}`),
      ),
    ]),
    `  ${prettyBytes(bytesWritten)} written, ${totalSeconds.toFixed(1)} s in all`,
  ].join('\n')
}

/** What was restored of a volume. */
export function describeRestoredVolume(result: RestoreVolumeResult, colours: ChalkInstance): string {
  const { snapshot, engine, volume, path, filesWritten, bytesWritten, totalSeconds } = result
  return [
    `${colours.bold(`${volume}${path ? `, ${path}` : ''} restored`)} on ${engine} from snapshot ${snapshot}`,
    `  ${filesWritten} ${filesWritten === 1 ? 'file' : 'files'} (${prettyBytes(bytesWritten)}) written, ${totalSeconds.toFixed(1)} s in all`,
  ].join('\n')
}
