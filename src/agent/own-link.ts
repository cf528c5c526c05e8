import { randomBytes } from 'node:crypto'
import { messageOf } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import type { Channel } from './channel.ts'
import type { AgentClient } from './client.ts'
import { dial } from './direct.ts'
import { AgentError } from './errors.ts'
import type { Link } from './link.ts'

const attemptMilliseconds = 3_000

/** A way for data between an agent and this process. */
export interface OwnLink extends Link {
  channel: Channel
  close(): void
}

/**
 * Joins this process to an agent: by a connection of its own to the engine's host where that can be reached, else over the
 * agent's stdin and stdout. @throws AgentError `link-not-possible` when `path` is `direct` and it cannot.
 */
export async function joinAgent(
  agent: AgentClient,
  {
    addresses,
    path,
    report,
  }: { addresses: readonly string[]; path: 'auto' | 'direct' | 'relay'; report: Report },
): Promise<OwnLink> {
  let why = 'chosen by --path relay'
  if (path !== 'relay') {
    try {
      return await dialAgent(agent, addresses)
    } catch (error) {
      if (agent.isGone) throw error
      why = messageOf(error)
      if (path === 'direct') {
        throw new AgentError('link-not-possible', `The engine’s host cannot be reached directly: ${why}`, {
          suggestions: ['Use --path auto or --path relay to go over the engine’s own connection.'],
        })
      }
      report({ type: 'note', message: `Going over the engine’s own connection: ${why}` })
    }
  }
  await agent.request('useRelay', {})
  return { kind: 'relay', detail: why, channel: agent.ownChannel(), close: () => undefined }
}

async function dialAgent(agent: AgentClient, addresses: readonly string[]): Promise<OwnLink> {
  const secret = { session: randomBytes(16).toString('hex'), key: randomBytes(32).toString('hex') }
  const { port } = await agent.request('listen', secret)
  const accepted = agent.request('accept', {})
  // When dialling fails that is the error to tell.
  accepted.catch(() => undefined)
  try {
    const { channel, address, close } = await dial(secret, addresses, port, attemptMilliseconds)
    await accepted
    return { kind: 'direct', detail: `${address} port ${port}`, channel, close }
  } catch (error) {
    await agent.request('stopListening', {})
    throw error
  }
}
