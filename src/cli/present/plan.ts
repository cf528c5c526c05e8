import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import type { ContainerPlan, ForwardedPort, Plan } from '../../model/plan.ts'

/** The plan as a person reads it. */
export function describePlan(plan: Plan, colours: ChalkInstance): string {
  const { source, target, options } = plan
  const names = plan.containers.map(({ name }) => name).join(', ')
  const lines = [
    colours.bold(`Move ${names} from ${source.engine} to ${target.engine} (${options.mode})`),
    '',
    ...plan.containers.flatMap((container) => describeContainer(container)),
    ...plan.networks.map(
      ({ name, action }) =>
        `  network ${name}: ${action === 'create' ? 'made again with the same subnet' : `the one on ${target.engine} is used`}`,
    ),
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

function describePort({ protocol, bindings }: ForwardedPort): string {
  return [...new Set(bindings.map(({ HostPort }) => `${HostPort}/${protocol}`))].join(', ')
}

function describeContainer({ name, image, restartPolicy }: ContainerPlan): string[] {
  const how = {
    present: 'there already',
    tag: 'there already, gets its name',
    transfer: `pulled, or its missing layers streamed (${prettyBytes(image.sizeBytes)} in all)`,
  }[image.action]
  return [
    `  container ${name}: image ${image.reference}, ${how}`,
    ...(restartPolicy.Name && restartPolicy.Name !== 'no'
      ? [`    restart policy ${restartPolicy.Name}, set after the commit point`]
      : []),
  ]
}
