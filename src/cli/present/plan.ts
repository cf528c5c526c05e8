import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import { place } from '../../agent/forward/settings.ts'
import { mappedPorts } from '../../migrate/plan-ports.ts'
import type { PortBinding } from '../../model/documents.ts'
import type { ContainerPlan, ForwardedPort, MigrateOptions, Plan } from '../../model/plan.ts'

/** The plan as a person reads it. */
export function describePlan(plan: Plan, colours: ChalkInstance): string {
  const { source, target, options } = plan
  const names = plan.containers.map(({ name }) => name).join(', ')
  const lines = [
    colours.bold(`Move ${names} from ${source.engine} to ${target.engine} (${options.mode})`),
    '',
    ...plan.containers.flatMap((container) => describeContainer(container, options)),
    ...plan.networks.map(
      ({ name, action, request }) =>
        `  network ${name}: ${{ create: `made again with the same subnet${onParent(request)}`, join: `the one on ${target.engine} is used`, stretch: 'one network on both engines' }[action]}`,
    ),
    ...plan.ghosts.onSource.map(
      ({ of }) => `  ${of} keeps its names and addresses on ${source.engine}, for the peers there`,
    ),
    ...plan.ghosts.onTarget.map(({ of }) => `  ${of} stays, and is reached from ${target.engine} as before`),
    ...plan.trees.map(
      ({ kind, source: from, destination, container }) =>
        `  ${kind === 'layer' ? `writable layer of ${container}` : `${kind} ${from}`}${kind === 'layer' ? '' : ` → ${destination}`}: copied`,
    ),
    ...(plan.forwards ?? []).map(
      ({ container, ports, hosts, proxyProtocol }) =>
        `  forwarder on ${source.engine} for ${container}: ${ports.map(describePort).join(', ')} → ${target.engine}${hosts[0] ? ` at ${hosts[0]}` : ''}${proxyProtocol ? `, with the PROXY protocol ${proxyProtocol}` : ''}`,
    ),
    ...(plan.setAside ?? []).map(
      (name) => `  forwarder for ${name} on ${target.engine}: set aside, as ${name} comes back`,
    ),
    `  source: ${options.consistency === 'crash' ? 'frozen for the final round, then killed and' : 'stopped for the final round, then'} kept, fenced`,
  ]
  if (plan.warnings.length > 0) {
    lines.push('', ...plan.warnings.map(({ message }) => `${colours.yellow('!')} ${message}`))
  }
  lines.push('', 'Nothing has been changed.')
  return lines.join('\n')
}

function onParent({ Options }: Record<string, unknown>): string {
  const { parent } = (Options ?? {}) as { parent?: string }
  return parent ? `, on the interface ${parent}` : ''
}

function describePort({ protocol, bindings }: ForwardedPort): string {
  return [...new Set(bindings.map(({ HostPort }) => `${HostPort}/${protocol}`))].join(', ')
}

function describeBinding({ HostIp = '', HostPort = '' }: PortBinding): string {
  return HostIp ? place(HostIp, Number(HostPort)) : HostPort
}

function describeContainer(
  { name, image, restartPolicy, manifest }: ContainerPlan,
  options: MigrateOptions,
): string[] {
  const how = {
    present: 'there already',
    tag: 'there already, gets its name',
    transfer: `pulled, or its missing layers streamed (${prettyBytes(image.sizeBytes)} in all)`,
  }[image.action]
  return [
    `  container ${name}: image ${image.reference}, ${how}`,
    ...Object.entries(mappedPorts(manifest, options)).map(
      ([port, bindings]) => `    port ${port}: published on ${bindings.map(describeBinding).join(', ')}`,
    ),
    ...(restartPolicy.Name && restartPolicy.Name !== 'no'
      ? [`    restart policy ${restartPolicy.Name}, set after the commit point`]
      : []),
  ]
}
