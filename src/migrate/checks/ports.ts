import { isIPv6 } from 'node:net'
import { contains } from '../../drivers/network/subnets.ts'
import type { PortBinding } from '../../model/documents.ts'
import type { Manifest } from '../../model/manifest.ts'
import { isForwarderFor } from '../../network/forwarders.ts'
import type { Facts } from '../facts.ts'
import { isOnAllAddresses, portsOnTarget } from '../plan-ports.ts'
import { type Check, type Finder, findings } from './check.ts'

/** Published ports are free on the target, and the host addresses that they are published on are there. */
export const checkPorts: Check = (facts, options) => {
  const found = findings()
  for (const manifest of facts.manifests) {
    for (const [port, bindings] of Object.entries(portsOnTarget(manifest, options))) {
      for (const binding of bindings) {
        checkHostAddress(facts, manifest, port, binding, found)
        checkHostPort(facts, manifest, port, binding, found)
      }
    }
    if (manifest.hostConfig.NetworkMode === 'host') warnOfHostNetwork(facts, manifest, found)
  }
  return found
}

function checkHostPort(
  facts: Facts,
  { name, state }: Manifest,
  port: string,
  { HostIp = '', HostPort = '' }: PortBinding,
  found: Finder,
): void {
  if (HostPort === '' || HostPort === '0') {
    if (state.running)
      found.warn(
        'port-chosen',
        `The host port of ${name}'s ${port} is chosen by the engine: it will be another one.`,
      )
    return
  }
  const protocol = port.split('/')[1] ?? 'tcp'
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
  if (!holder || !holders.every(Boolean)) return
  found.refuse(
    'port-taken',
    `Port ${HostPort}/${protocol} of ${name} is taken on ${facts.target.name} by ${holder}.`,
    `Publish it on another one: --map-port ${wordFor(facts, name, port)}=HOST_PORT`,
    `Or free the port on ${facts.target.name}.`,
  )
}

function checkHostAddress(
  facts: Facts,
  { name }: Manifest,
  port: string,
  { HostIp = '', HostPort = '' }: PortBinding,
  found: Finder,
): void {
  const { target, targetHost } = facts
  if (isWildcard(HostIp) || !targetHost || [...targetHost.addresses, '::1'].some(isThis(HostIp))) return
  if (HostIp.startsWith('127.')) return
  const word = `--map-port ${wordFor(facts, name, port)}`
  // Without a single port to name there is none that a mapping could keep.
  const hostPort = /^[1-9]\d*$/.test(HostPort) ? HostPort : 'HOST_PORT'
  found.refuse(
    'host-address',
    `${name} publishes ${port} on the host address ${HostIp}, which ${target.name} does not have.`,
    `Publish it on an address of ${target.name} (${targetHost.addresses.join(', ')}): ${word}=HOST_IP:${hostPort}`,
    `Or on all addresses: ${word}=${isIPv6(HostIp) ? '[::]' : '0.0.0.0'}:${hostPort}`,
  )
}

/** Compares addresses by what they mean: IPv6 ones can be written in several ways. */
function isThis(address: string): (other: string) => boolean {
  return (other) => other === address || contains(`${other}/${isIPv6(other) ? 128 : 32}`, address)
}

/** How `--map-port` calls a port: with the container's name where several move. */
function wordFor({ manifests }: Facts, name: string, port: string): string {
  return `${manifests.length > 1 ? `${name}:` : ''}${port.replace(/\/tcp$/, '')}`
}

function warnOfHostNetwork(facts: Facts, { name, config }: Manifest, found: Finder): void {
  const { source, target } = facts
  found.warn(
    'host-network',
    `${name} is on the host's network: it publishes no ports, but listens on ${target.name} itself, under that host's addresses and no longer under those of ${source.name}. Which ports it needs cannot be known before.`,
  )
  for (const port of Object.keys(config.ExposedPorts ?? {})) {
    const [number, protocol = 'tcp'] = port.split('/')
    const holder = holderOf(facts, name, protocol, Number(number), '')
    if (holder)
      found.warn(
        'host-port-taken',
        `${name}, on the host's network, may need the port ${port}, which is taken on ${target.name} by ${holder}.`,
      )
  }
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

/** Whether a host address stands for all of them. */
export function isWildcard(HostIp: string): boolean {
  return isOnAllAddresses({ HostIp })
}

/** The ports of `8080` or `8000-8010`. */
export function portRange(text: string): number[] {
  const [first = 0, last = first] = text.split('-').map(Number)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
