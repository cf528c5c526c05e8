import { randomBytes } from 'node:crypto'
import type { Engine } from '../engine/engine.ts'
import { startAgent, treePath } from '../launch/agent.ts'
import { ensureAgentImage } from '../launch/image.ts'
import { WherryError } from '../model/errors.ts'
import { roleLabel } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'

/**
 * Lets containers go on that an agent froze and, because it was killed, did not thaw. The engine does not know of it and would
 * refuse: another agent freezes each for a moment more and thaws it.
 */
export async function thawAnew(engine: Engine, containers: readonly string[], report: Report): Promise<void> {
  const { reference: image } = await ensureAgentImage(engine, [], report)
  const agent = await startAgent(engine, {
    image,
    name: `wherry-thaw-${randomBytes(6).toString('hex')}`,
    labels: { [roleLabel]: 'agent' },
    hostProcesses: true,
    mounts: [{ kind: 'host', path: '/sys/fs/cgroup', readOnly: false }],
  })
  try {
    for (const container of containers) {
      const once = { containers: [container], root: treePath(0), limitSeconds: 5 }
      await agent.client.request('freeze', once).catch((error) => {
        // It has ended, or nobody can freeze here, or somebody else has frozen it and will thaw it.
        const isFine =
          error instanceof WherryError && ['cannot-freeze', 'frozen-by-other'].includes(error.code)
        if (!isFine) throw error
      })
      await agent.client.request('thaw', {})
    }
  } finally {
    await agent.remove()
  }
}
