import { joinAgent } from '../agent/own-link.ts'
import { type AgentMount, startAgent } from '../launch/agent.ts'
import { ensureAgentImage } from '../launch/image.ts'
import { addressesOf } from '../migrate/steps/agents.ts'
import { roleLabel } from '../model/plan.ts'
import { treesOf } from './memory.ts'
import { Reading, type ReadingRequest } from './reading.ts'

/** Starts an agent that sees the group's directories, read-only, and joins this process to it. */
export async function openReading(request: ReadingRequest): Promise<Reading> {
  const { engine, id, path, report } = request
  report({ type: 'phase', phase: 'agents', message: 'starting an agent' })
  const { reference: image } = await ensureAgentImage(engine, [], report)
  const agent = await startAgent(engine, {
    image,
    name: `wherry-snapshot-${id}`,
    labels: { [roleLabel]: 'agent' },
    hostProcesses: true,
    mounts: [
      ...treesOf(request).map(
        ({ kind, source }): AgentMount =>
          kind === 'volume' || kind === 'anonymous'
            ? { kind: 'volume', volume: source, readOnly: true }
            : { kind: 'host', path: source, readOnly: true },
      ),
      { kind: 'host', path: '/sys/fs/cgroup', readOnly: false },
    ],
  })
  try {
    const addresses = await addressesOf(engine, agent)
    return new Reading(request, agent, await joinAgent(agent.client, { addresses, path, report }))
  } catch (error) {
    await agent.remove()
    throw error
  }
}
