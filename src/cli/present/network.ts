import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import type { NetworkState } from '../../network/list.ts'
import type { ProvenLink } from '../../network/prove.ts'
import type { StretchedNetwork } from '../../network/stretch.ts'
import type { NetworkUsers } from '../../network/unstretch.ts'

/** A stretched network, as a person reads it. */
export function describeStretched(stretched: StretchedNetwork, colours: ChalkInstance): string {
  const { network, members, links, notEncryptedBecause: reason } = stretched
  return [
    `${colours.green('✔')} ${colours.bold(network)} is one network on ${members.map(({ engine }) => engine).join(' and ')}`,
    ...members.map(({ engine, madeNetwork, ranges }) => {
      const range = ranges.length > 0 ? `, takes addresses from ${ranges.join(' and ')}` : ''
      return `  ${engine}: ${madeNetwork ? 'made' : 'was there'}${range}`
    }),
    ...describeLinks(links),
    `  ${describeCarrier(stretched, colours)}${reason ? ` (${reason})` : ''}`,
  ].join('\n')
}

/** What carries packets between the hosts. */
function describeCarrier(
  { vni, port, encrypted }: Pick<NetworkState, 'vni' | 'port' | 'encrypted'>,
  colours: ChalkInstance,
): string {
  return encrypted
    ? `VXLAN ${vni} in WireGuard on UDP port ${port}, ${colours.green('encrypted')}`
    : `VXLAN ${vni} on UDP port ${port}, ${colours.yellow('not encrypted')}`
}

/** What is asked before a network is parted: who is on it, and whose ghosts go. */
export function askToPart(network: string, users: readonly NetworkUsers[]): string {
  const names = users.map(({ engine }) => engine).join(' and ')
  const lines = users.flatMap(({ engine, containers, ghosts }) => [
    ...(containers.length > 0 ? [`On it on ${engine}: ${containers.join(', ')}.`] : []),
    ...(ghosts.length > 0 ? [`Ghosts that go from ${engine}: those of ${ghosts.join(', ')}.`] : []),
  ])
  return [...lines, `Part ${network} between ${names}?`].join(' ')
}

/** What was measured on each way, a line each. */
export function describeLinks(links: readonly ProvenLink[]): string[] {
  return links.map(({ from, to, roundTripSeconds, bytesPerSecond, mtuBytes }) => {
    const milliseconds = (roundTripSeconds * 1000).toFixed(2)
    return `  ${from} → ${to}: ${milliseconds} ms round trip, ${prettyBytes(bytesPerSecond)}/s, packets of ${mtuBytes} bytes`
  })
}

/** The stretched networks, as a person reads them. */
export function describeNetworks(networks: readonly NetworkState[], colours: ChalkInstance): string {
  if (networks.length === 0) return 'No network is stretched here.'
  return networks.map((network) => describeState(network, colours)).join('\n\n')
}

function describeState(state: NetworkState, colours: ChalkInstance): string {
  const { network, members, links, broken } = state
  return [
    `${colours.bold(network)}  ${describeCarrier(state, colours)}`,
    ...members.map(({ engine, state, reason, ghosts }) => {
      const colour = state === 'joined' ? colours.green : colours.yellow
      const also = ghosts.length > 0 ? `, ghosts of ${ghosts.join(', ')}` : ''
      return `  ${engine}: ${colour(state)}${reason ? ` (${reason})` : ''}${also}`
    }),
    ...describeLinks(links),
    ...(broken
      ? [
          `  ${colours.red('broken')}: ${broken}`,
          `  → wherry network repair ${network} --on ${members[0]?.engine}`,
        ]
      : []),
  ].join('\n')
}
