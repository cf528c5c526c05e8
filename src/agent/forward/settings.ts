import type { ProxyProtocol } from '../../model/plan.ts'

/** One port that is passed on. */
export interface Forward {
  protocol: 'tcp' | 'udp'
  /** Without an address: all of them, IPv4 and IPv6. */
  listen: { address?: string; port: number }
  /** Host names or addresses, tried in this order; UDP, which cannot try, takes the first. */
  target: { hosts: string[]; port: number }
  /** For TCP only. */
  proxyProtocol?: ProxyProtocol
}

/** What a forwarder is told. */
export interface ForwardSettings {
  forwards: Forward[]
}

/** A host and its port as people write them. */
export function place(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
