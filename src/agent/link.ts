import { randomBytes } from 'node:crypto'
import { messageOf } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import type { AgentClient } from './client.ts'
import { AgentError } from './errors.ts'

/** What the bytes travel on. */
export interface Link {
  kind: 'direct' | 'relay'
  /** For people: the address, or why it is not direct. */
  detail: string
}

export interface LinkOptions {
  source: AgentClient
  target: AgentClient
  path: 'auto' | 'direct' | 'relay'
  /** Addresses under which the target's (source's) engine may be reached by the other, most likely first. */
  targetAddresses: readonly string[]
  sourceAddresses: readonly string[]
  report: Report
  /** How long each attempt may take; 3 unless told. */
  timeoutSeconds?: number
}

/**
 * Joins two agents: directly when either can reach the other, else through this process. Tries and says what came out.
 * Throws `link-not-possible` when `path` is `direct` and neither reaches the other.
 */
export async function openLink(options: LinkOptions): Promise<Link> {
  const { source, target, path, report } = options
  source.relayTo(undefined)
  let why = 'chosen by --path relay'
  if (path !== 'relay') {
    // The target dials first: it receives with less work on a connection of its own (see direct.ts).
    const attempts = [
      { listener: source, dialer: target, addresses: options.sourceAddresses },
      { listener: target, dialer: source, addresses: options.targetAddresses },
    ]
    const reasons: string[] = []
    for (const { listener, dialer, addresses } of attempts) {
      if (addresses.length === 0) continue
      try {
        const { address, port } = await connectDirectly(
          listener,
          dialer,
          addresses,
          options.timeoutSeconds ?? 3,
        )
        return { kind: 'direct', detail: `${dialer.name} to ${listener.name} at ${address} port ${port}` }
      } catch (error) {
        if (source.isGone || target.isGone) throw error
        reasons.push(messageOf(error))
      }
    }
    why = reasons.join('; ') || 'no address of either engine is known'
    if (path === 'direct') {
      throw new AgentError('link-not-possible', `The engines cannot reach each other directly: ${why}`, {
        suggestions: ['Use --path auto or --path relay to send the data through this machine.'],
      })
    }
    report({ type: 'note', message: `Sending through this machine: ${why}` })
  }
  await Promise.all([source.request('useRelay', {}), target.request('useRelay', {})])
  source.relayTo(target)
  return { kind: 'relay', detail: why }
}

/** Joins two agents over the first of the listener's addresses that answers. Throws `link-not-possible`. */
export async function connectDirectly(
  listener: AgentClient,
  dialer: AgentClient,
  addresses: readonly string[],
  timeoutSeconds: number,
): Promise<{ address: string; port: number }> {
  const secret = { session: randomBytes(16).toString('hex'), key: randomBytes(32).toString('hex') }
  const { port } = await listener.request('listen', secret)
  const accepted = listener.request('accept', {})
  // When dialling fails that is the error to tell, and this one is left alone.
  accepted.catch(() => undefined)
  try {
    const { address } = await dialer.request('dial', {
      ...secret,
      addresses: [...addresses],
      port,
      timeoutMilliseconds: timeoutSeconds * 1000,
    })
    await accepted
    return { address, port }
  } catch (error) {
    await listener.request('stopListening', {})
    throw error
  }
}
