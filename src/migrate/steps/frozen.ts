import type { Engine } from '../../engine/engine.ts'
import { startAgent } from '../../launch/agent.ts'
import { agentImageReference } from '../../launch/image.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import { type ContainerPlan, migrationLabel, type Plan, roleLabel } from '../../model/plan.ts'
import type { Step } from '../run.ts'

/**
 * Kills the source copies that were frozen: one that is thawed would be a second writer. All their processes get the signal
 * while they are frozen, so that none runs on. Those with --rm stay frozen, for the engine would remove them with their volumes.
 */
export const endFrozen: Step = {
  name: 'end-frozen',
  async do(run) {
    const frozen = killedAfterwards(run.plan)
    if (frozen.length === 0 || run.source.isAbsent) return undefined
    const agent = await startAgent(run.source, {
      image: await agentImageReference(),
      name: `wherry-${run.plan.id}-kill`,
      labels: { [migrationLabel]: run.plan.id, [roleLabel]: 'agent' },
      mounts: [],
      hostProcesses: true,
    })
    try {
      for (const { sourceId } of frozen) {
        await agent.client.request('kill', { container: sourceId })
        // Thaws what a kernel with version 1 of control groups keeps frozen although it is to die.
        await run.source.containers.kill(sourceId)
        await assertEnded(run.source, sourceId)
      }
    } finally {
      await agent.remove()
    }
    return { killed: frozen.map(({ name }) => name) }
  },
}

function killedAfterwards({ containers }: Plan): ContainerPlan[] {
  return containers.filter(
    ({ rest, wasRunning, manifest }) => rest === 'freeze' && wasRunning && !manifest.hostConfig.AutoRemove,
  )
}

/** @throws WherryError `source-still-frozen` when a container that was killed is still there. */
export async function assertEnded(source: Engine, id: string): Promise<void> {
  const now = await source.containers.inspect(id)
  if (!now?.State.Running) return
  throw new WherryError(
    'source-still-frozen',
    exitCodes.unexpected,
    `${now.Name.slice(1)} on ${source.name} could not be killed; it is ${now.State.Status}.`,
  )
}
