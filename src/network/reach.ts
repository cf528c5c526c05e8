import { joinDirectly } from '../agent/link.ts'
import type { Engine } from '../engine/engine.ts'
import { type RunningAgent, startAgent } from '../launch/agent.ts'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import { roleLabel } from '../model/plan.ts'

/** How one host reaches another: where to send to, and which source address the other's packets have. */
export interface Reach {
  from: Engine
  to: Engine
  address: string
  /** The address of `to` as `from` sees it in packets that it gets. */
  source: string
}

/** What was found out on the hosts. */
export interface Survey {
  reaches: Reach[]
  /** Hosts that cannot encrypt what crosses, and why. */
  withoutTunnel: { engine: string; reason: string }[]
}

/** Which hosts have no WireGuard, as a part of a sentence. */
export function describeWithoutTunnel({ withoutTunnel }: Pick<Survey, 'withoutTunnel'>): string {
  const said = withoutTunnel.map(({ engine, reason }) => `${engine} ("${reason}")`)
  return `no WireGuard in the kernel of ${said.join(' and ')}`
}

/** An agent in a host's own network namespace, with the addresses under which the host may be reached, the best first. */
export interface Post {
  engine: Engine
  agent: RunningAgent
  addresses: string[]
}

/**
 * Finds for each pair of hosts how each reaches the other, by trying: first at the address that is on record, so that what works is
 * not changed; and which hosts cannot encrypt what crosses. `image` is the one that joins networks.
 * @throws WherryError `hosts-apart` for two that cannot reach each other.
 */
export async function surveyHosts(
  engines: readonly Engine[],
  image: string,
  labels: Record<string, string>,
  onRecord: (from: Engine, to: Engine) => string | undefined,
): Promise<Survey> {
  const posts: Post[] = []
  // The same one of a pair dials each time, whichever of them was named first.
  const sorted = engines.toSorted((a, b) => (a.info.ID < b.info.ID ? -1 : 1))
  try {
    for (const engine of sorted) posts.push(await takePost(engine, image, labels))
    const reaches: Reach[] = []
    for (const [index, one] of posts.entries()) {
      for (const other of posts.slice(index + 1)) reaches.push(...(await between(one, other, onRecord)))
    }
    const withoutTunnel: Survey['withoutTunnel'] = []
    for (const engine of engines) {
      const answer = await posts
        .find((post) => post.engine === engine)
        ?.agent.client.request('whyNoTunnel', {})
      if (answer?.reason !== undefined) withoutTunnel.push({ engine: engine.name, reason: answer.reason })
    }
    return { reaches, withoutTunnel }
  } finally {
    for (const { agent } of posts) await agent.remove()
  }
}

async function takePost(engine: Engine, image: string, labels: Record<string, string>): Promise<Post> {
  const name = `wherry-reach-${process.pid}-${Date.now().toString(36)}`
  const agent = await startAgent(engine, {
    image,
    name,
    labels: { ...labels, [roleLabel]: 'agent' },
    mounts: [],
    networkAdmin: true,
  })
  try {
    const { addresses, vpnAddresses } = await agent.client.request('probe', {})
    const { url } = engine.address
    const isRemote = ['tcp:', 'http:', 'https:', 'ssh:'].includes(url.protocol)
    const known = isRemote ? [url.hostname.replace(/^\[|\]$/g, '')] : []
    // A VPN first: not every host can encrypt what crosses.
    return { engine, agent, addresses: [...new Set([...vpnAddresses, ...known, ...addresses])] }
  } catch (error) {
    await agent.remove()
    throw error
  }
}

async function between(
  one: Post,
  other: Post,
  onRecord: (from: Engine, to: Engine) => string | undefined,
): Promise<Reach[]> {
  const reasons: string[] = []
  for (const { listener, dialer, addresses } of attempts(one, other, onRecord)) {
    try {
      const joined = await joinDirectly(listener.agent.client, dialer.agent.client, addresses)
      const address = plain(joined.address)
      const back = plain(joined.dialerAddress)
      const source = (await sourceOf(listener, dialer, back)) ?? address
      return [
        { from: dialer.engine, to: listener.engine, address, source },
        { from: listener.engine, to: dialer.engine, address: back, source: back },
      ]
    } catch (error) {
      reasons.push(messageOf(error))
    }
  }
  throw new WherryError(
    'hosts-apart',
    exitCodes.refused,
    `The hosts of ${one.engine.name} and ${other.engine.name} cannot reach each other: ${reasons.join('; ')}`,
    {
      suggestions: [
        'Join them first, by a network of yours or a VPN; a network can then be stretched over it.',
      ],
    },
  )
}

/**
 * The address that a host's packets to another one's address have, which need not be the one that it is reached at; undefined
 * where the other cannot be dialled.
 */
async function sourceOf(from: Post, to: Post, address: string): Promise<string | undefined> {
  try {
    return plain((await joinDirectly(to.agent.client, from.agent.client, [address])).dialerAddress)
  } catch {
    return undefined
  }
}

/** Who dials whom, and where. */
export interface Attempt {
  listener: Post
  dialer: Post
  addresses: string[]
}

/** Who may reach whom where: at the address on record, then at all that are known. */
export function attempts(
  one: Post,
  other: Post,
  onRecord: (from: Engine, to: Engine) => string | undefined,
): Attempt[] {
  const known = onRecord(other.engine, one.engine)
  return [
    ...(known ? [{ listener: one, dialer: other, addresses: [known] }] : []),
    { listener: one, dialer: other, addresses: one.addresses },
    { listener: other, dialer: one, addresses: other.addresses },
  ]
}

/** An IPv4 address as such, also where a socket for both families shows it as IPv6. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}
