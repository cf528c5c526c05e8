import type { PortBinding } from '../model/documents.ts'
import type { Manifest } from '../model/manifest.ts'
import type { ForwardedPort, ForwardPlan, MigrateOptions } from '../model/plan.ts'
import type { Facts } from './facts.ts'
import { isOnAllAddresses, portsOnTarget } from './plan-ports.ts'

/** The ports that forwarders will pass on, by container: those that the source publishes now, and that the target's host shows to others. */
export function planForwards(
  manifests: readonly Manifest[],
  { targetAddresses = [] }: Pick<Facts, 'targetAddresses'>,
  options: Pick<MigrateOptions, 'forward' | 'mapPort'>,
): ForwardPlan[] {
  const { forward } = options
  if (!forward) return []
  return manifests.flatMap((manifest) => {
    const ports = forwardedPorts(manifest, options)
    return ports.length > 0 ? [{ container: manifest.name, hosts: targetAddresses, ports, ...forward }] : []
  })
}

/** One entry for each container port with a binding on all of the host's addresses, here and there. */
export function forwardedPorts(
  manifest: Manifest,
  options: Pick<MigrateOptions, 'mapPort'> = {},
): ForwardedPort[] {
  const onTarget = portsOnTarget(manifest, options)
  return Object.entries(manifest.ports).flatMap(([port, now]) => {
    const [containerPort, protocol = 'tcp'] = port.split('/')
    const bindings = (now ?? []).filter(isOnAllAddresses)
    if (bindings.length === 0 || (protocol !== 'tcp' && protocol !== 'udp')) return []
    const there = onTarget[port]?.find(isOnAllAddresses)
    if (onTarget[port] && !there) return []
    const asked = there?.HostPort ?? ''
    return [
      {
        protocol,
        containerPort: Number(containerPort),
        bindings: bindings.map(({ HostIp = '', HostPort = '' }) => ({ HostIp, HostPort })),
        ...(/^[1-9]\d*$/.test(asked) ? { targetPort: Number(asked) } : {}),
      },
    ]
  })
}

/** The plan with the ports that the target publishes now. */
export function withActualPorts(plan: ForwardPlan, now: Record<string, PortBinding[] | null>): ForwardPlan {
  const ports = plan.ports.flatMap((port): ForwardedPort[] => {
    const published = now[`${port.containerPort}/${port.protocol}`]?.find(isOnAllAddresses)?.HostPort
    return published ? [{ ...port, targetPort: Number(published) }] : []
  })
  return { ...plan, ports }
}
