import type { LinkMeasure } from '../agent/network/measure-link.ts'
import type { Engine } from '../engine/engine.ts'
import { type RunningAgent, startAgent } from '../launch/agent.ts'
import { roleLabel } from '../model/plan.ts'

/** What the way from a container on one engine to a container on another carries. */
export interface ProvenLink extends LinkMeasure {
  from: string
  to: string
  /** The largest packet that was seen to come through, both ways. */
  mtuBytes: number
}

const throughputBytes = 64 * 1024 * 1024
/** IPv6 and UDP headers: what a datagram may hold at most in a packet of the network's MTU, whatever the family. */
const headerBytes = 48

/** An agent on the network itself. */
interface Post {
  engine: Engine
  agent: RunningAgent
  address: string
}

/** The members of a network, and labels for what is started on them. */
export interface ToProve {
  engines: readonly Engine[]
  network: string
  labels: Record<string, string>
}

/**
 * Sends between containers on a network, from every engine to every other: datagrams as large as the network's packets,
 * and a connection. Throws what did not come through.
 */
export async function proveLinks(toProve: ToProve, mtuBytes: number, image: string): Promise<ProvenLink[]> {
  const posts: Post[] = []
  try {
    for (const engine of toProve.engines) posts.push(await takePost(engine, toProve, image))
    const links: ProvenLink[] = []
    for (const to of posts) {
      const { port } = await to.agent.client.request('answerMeasures', {})
      for (const from of posts.filter((post) => post !== to)) {
        const datagramBytes = mtuBytes - headerBytes
        const params = { address: to.address, port, datagramBytes, bytes: throughputBytes }
        const measure = await from.agent.client.request('measureLink', params)
        links.push({ from: from.engine.name, to: to.engine.name, mtuBytes, ...measure })
      }
    }
    return links
  } finally {
    for (const { agent } of posts) await agent.remove()
  }
}

async function takePost(engine: Engine, { network, labels }: ToProve, image: string): Promise<Post> {
  const name = `wherry-prove-${process.pid}-${Date.now().toString(36)}`
  const agent = await startAgent(engine, {
    image,
    name,
    labels: { ...labels, [roleLabel]: 'agent' },
    mounts: [],
    network,
  })
  const document = await engine.containers.inspect(agent.containerId)
  const { IPAddress, GlobalIPv6Address } = document?.NetworkSettings.Networks[network] ?? {}
  return { engine, agent, address: IPAddress || GlobalIPv6Address || '' }
}
