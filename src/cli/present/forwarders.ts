import type { ChalkInstance } from 'chalk'
import type { Forwarder } from '../../network/forwarders.ts'

/** One forwarder with its ports, indented as a part of something. */
export function describeForwarder({ container, engine, target, state, ports }: Forwarder): string[] {
  return [
    `  forwarder for ${container} on ${engine}, to ${target}${state === 'running' ? '' : ` (${state})`}`,
    ...ports.map(
      (port) =>
        `    ${port.protocol} ${port.listen} → ${port.target}${port.proxyProtocol ? `, PROXY protocol ${port.proxyProtocol}` : ''}`,
    ),
  ]
}

/** All forwarders that were found. */
export function describeForwarders(
  forwarders: readonly Forwarder[],
  engines: readonly string[],
  colours: ChalkInstance,
): string {
  if (forwarders.length === 0) return colours.dim(`No forwarder on ${engines.join(', ')}.`)
  return forwarders.flatMap((forwarder) => describeForwarder(forwarder)).join('\n')
}
