import type { Manifest } from '../../model/manifest.ts'
import type { MigrateOptions } from '../../model/plan.ts'
import type { Facts } from '../facts.ts'
import { forwardedPorts } from '../forwards.ts'
import { isOnAllAddresses, mappedPorts } from '../plan-ports.ts'
import { type Check, findings } from './check.ts'

/** With `--forward`: there is something to pass on, its ports become free, and the source's host reaches the target's. */
export const checkForwards: Check = (facts, options) => {
  const found = findings()
  if (!options.forward) return found
  const names = facts.manifests.map(({ name }) => name).join(', ')
  if (facts.manifests.every((manifest) => forwardedPorts(manifest, options).length === 0)) {
    found.refuse(
      'nothing-to-forward',
      `There is nothing to forward: ${names} publishes no port on all addresses of ${facts.source.name} just now.`,
      'Leave --forward out.',
    )
    return found
  }
  for (const manifest of facts.manifests) checkContainer(facts, manifest, options, found)
  if (facts.targetHost && !facts.targetAddresses?.length) {
    found.refuse(
      'forward-unreachable',
      `${facts.source.name} reaches ${facts.target.name} at none of its addresses (${facts.targetHost.addresses.join(', ')}): nothing could be passed on.`,
      `Reach ${facts.target.name} under a URL with its address, such as --to ssh://USER@HOST, or leave --forward out.`,
    )
  }
  return found
}

function checkContainer(
  { source, target, sourceContainers }: Facts,
  manifest: Manifest,
  options: MigrateOptions,
  found: ReturnType<typeof findings>,
): void {
  const { name, ports, hostConfig } = manifest
  for (const [port, bindings] of Object.entries(ports)) {
    const left = (bindings ?? []).filter((binding) => port.endsWith('/sctp') || !isOnAllAddresses(binding))
    for (const { HostIp, HostPort } of left) {
      found.warn(
        'not-forwarded',
        `${name}'s ${port} on ${HostIp}:${HostPort} is not passed on: only TCP and UDP ports on all addresses are.`,
      )
    }
  }
  for (const [port, bindings] of Object.entries(mappedPorts(manifest, options))) {
    const shown = (ports[port] ?? []).some(isOnAllAddresses)
    if (!shown || bindings.some(isOnAllAddresses)) continue
    found.warn(
      'not-forwarded',
      `${name}'s ${port} is not passed on: it is mapped to ${bindings[0]?.HostIp}, not to all addresses of ${target.name}.`,
    )
  }
  if (forwardedPorts(manifest, options).length === 0) return
  if (options.consistency === 'crash' || hostConfig.AutoRemove) {
    found.refuse(
      'forward-frozen',
      `${name} is frozen instead of stopped (${hostConfig.AutoRemove ? '--rm' : '--consistency crash'}), and keeps its ports: a forwarder cannot have them.`,
      hostConfig.AutoRemove ? 'Leave --forward out.' : 'Leave --forward or --consistency crash out.',
    )
  }
  const other = sourceContainers.find(
    ({ Names, State }) => Names.includes(`/wherry-forward-${name}`) && State === 'running',
  )
  if (other) {
    found.refuse(
      'forwarder-exists',
      `${source.name} has a forwarder for ${name} already.`,
      `Remove it: wherry forward remove ${name} --on ${source.name}`,
    )
  }
}
