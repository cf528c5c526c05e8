import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import type { MigrateResult, MovedContainer } from '../../migrate/result.ts'
import { describeForwarder } from './forwarders.ts'

/** The result of a migration as a person reads it. */
export function describeResult(result: MigrateResult, colours: ChalkInstance): string {
  const {
    containers,
    downtimeSeconds,
    totalSeconds,
    bytesTransferred,
    rounds,
    path,
    downtime,
    verification,
    forwarders,
    stretched,
    warnings,
  } = result
  const names = containers.map(({ name }) => name).join(', ')
  const first = containers[0]
  const lines = [
    `${colours.green('✔')} ${colours.bold(names)} moved from ${first?.source.engine} to ${first?.target.engine}`,
    `  downtime ${colours.bold(`${downtimeSeconds.toFixed(2)} s`)} (stop ${downtime.stopSeconds.toFixed(2)}, last changes ${downtime.finalRoundSeconds.toFixed(2)}, start ${downtime.startSeconds.toFixed(2)}, health ${downtime.healthSeconds.toFixed(2)})`,
    `  total ${totalSeconds.toFixed(1)} s, ${prettyBytes(bytesTransferred)} in ${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'} (${path})`,
    ...(verification.mode === 'full'
      ? [
          `  read back from the disk of ${first?.target.engine} in ${verification.readBackSeconds.toFixed(2)} s: equal`,
        ]
      : []),
    ...containers.flatMap((container) => describeMoved(container)),
    ...stretched.networks.map(
      (name) =>
        `  network ${name} is one on both engines; what crosses is ${stretched.encrypted.includes(name) ? '' : 'not '}encrypted`,
    ),
    ...stretched.ghosts.map(({ engine, of }) => `  a ghost stands for ${of} on ${engine}`),
    ...forwarders.flatMap((forwarder) => describeForwarder(forwarder)),
    ...warnings.map(({ message }) => `  ${colours.yellow('!')} ${message}`),
    `  The source copy is kept on ${first?.source.engine}, at rest, without a restart policy. Do not start it.`,
  ]
  return lines.join('\n')
}

function describeMoved({ name, volumes, networks, target }: MovedContainer): string[] {
  return [
    `  ${name} ${target.id.slice(0, 12)}`,
    ...networks.map(
      (network) => `    network ${network.name}: ${[network.ipv4, network.ipv6].filter(Boolean).join(', ')}`,
    ),
    ...volumes.map(
      (volume) =>
        `    volume ${volume.name.slice(0, 40)}: ${volume.files} files, ${prettyBytes(volume.bytes)}, equal on both sides`,
    ),
  ]
}
