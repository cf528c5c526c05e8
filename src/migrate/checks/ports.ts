import { isForwarderFor } from '../../network/forwarders.ts'
import type { Facts } from '../facts.ts'
import { type Check, findings } from './check.ts'

/** Published ports are free on the target, and the host addresses that they are published on are there. */
export const checkPorts: Check = (facts) => {
  const found = findings()
  for (const { name, hostConfig, state } of facts.manifests) {
    for (const [port, bindings] of Object.entries(hostConfig.PortBindings ?? {})) {
      const protocol = port.split('/')[1] ?? 'tcp'
      for (const { HostIp = '', HostPort = '' } of bindings ?? []) {
        checkHostAddress(facts, name, HostIp, found)
        if (HostPort === '' || HostPort === '0') {
          if (state.running)
            found.warn(
              'port-chosen',
              `The host port of ${name}'s ${port} is chosen by the engine: it will be another one.`,
            )
          continue
        }
        const ports = portRange(HostPort)
        if (ports.length > 1 && state.running) {
          found.warn(
            'port-chosen',
            `Which of the host ports ${HostPort} ${name}'s ${port} gets is chosen by the engine.`,
          )
        }
        const holders = ports.map((number) => holderOf(facts, name, protocol, number, HostIp))
        const holder = holders[0]
        // Of a range the engine takes the first free port.
        if (holder && holders.every(Boolean)) {
          found.refuse(
            'port-taken',
            `Port ${HostPort}/${protocol} of ${name} is taken on ${facts.target.name} by ${holder}.`,
            `Free the port on ${facts.target.name}, or publish the container on another one.`,
          )
        }
      }
    }
  }
  return found
}

function checkHostAddress(
  { target, targetHost }: Facts,
  container: string,
  address: string,
  found: ReturnType<typeof findings>,
): void {
  if (
    isWildcard(address) ||
    !targetHost ||
    targetHost.addresses.includes(address) ||
    address.startsWith('127.')
  )
    return
  found.refuse(
    'host-address',
    `${container} publishes a port on the host address ${address}, which ${target.name} does not have.`,
    'Publish it on an address that both hosts have, or on all addresses.',
  )
}

/** Who holds a port on the target: a container's name or "a process of the host". The container's own forwarder makes room. */
function holderOf(
  { targetContainers, targetHost }: Facts,
  container: string,
  protocol: string,
  port: number,
  address: string,
): string | undefined {
  for (const other of targetContainers) {
    const { Ports, Names, State } = other
    if (State !== 'running' && State !== 'paused') continue
    const clash = Ports.some(
      ({ PublicPort, Type, IP = '' }) =>
        PublicPort === port && Type === protocol && (isWildcard(IP) || isWildcard(address) || IP === address),
    )
    if (clash && isForwarderFor(container, other)) return undefined
    if (clash) return `container ${Names[0]?.replace(/^\//, '')}`
  }
  const listener = targetHost?.listeningPorts.find(
    (held) =>
      held.port === port &&
      held.protocol === protocol &&
      (isWildcard(held.address) || isWildcard(address) || held.address === address),
  )
  return listener ? 'a process of the host' : undefined
}

function isWildcard(address: string): boolean {
  return ['', '0.0.0.0', '::', '[::]'].includes(address)
}

/** The ports of `8080` or `8000-8010`. */
export function portRange(text: string): number[] {
  const [first = 0, last = first] = text.split('-').map(Number)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
