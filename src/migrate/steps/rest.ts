import { exitCodes, WherryError } from '../../model/errors.ts'
import type { ContainerPlan, Plan } from '../../model/plan.ts'
import type { Run, Step } from '../run.ts'

/** Makes sure that the source copies cannot come back by themselves: no restart policy from here on. */
export const fence: Step = {
  name: 'fence',
  async do({ plan, source }) {
    for (const { sourceId, manifest } of plan.containers) {
      // Engines refuse to update a container with --rm; it has no restart policy anyway.
      if (!manifest.hostConfig.AutoRemove) {
        await source.containers.setRestartPolicy(sourceId, { Name: 'no', MaximumRetryCount: 0 })
      }
    }
    return undefined
  },
  async undo({ plan, source }) {
    for (const { sourceId, manifest, restartPolicy } of plan.containers) {
      if (!manifest.hostConfig.AutoRemove) await source.containers.setRestartPolicy(sourceId, restartPolicy)
    }
  },
}

/** Stops or freezes the source copies, those that depend on others first. Downtime starts here. */
export const bringToRest: Step = {
  name: 'rest',
  async do(run) {
    const { plan, source, report } = run
    report({
      type: 'phase',
      phase: 'rest',
      message: `stopping ${plan.containers.map(({ name }) => name).join(', ')} on ${source.name}`,
    })
    run.times.restedFromMs = performance.now()
    for (const stage of runningStages(plan).toReversed()) {
      await Promise.all(
        stage.map(({ sourceId, rest }) =>
          rest === 'freeze' ? source.containers.pause(sourceId) : source.containers.stop(sourceId),
        ),
      )
    }
    await assertAtRest(run)
    run.times.restedMs = performance.now()
    return undefined
  },
  async undo(run) {
    const { plan, source, report } = run
    for (const { sourceId, name, wasRunning } of plan.containers) {
      if (!wasRunning) continue
      const now = await source.containers.inspect(sourceId)
      if (now?.State.Paused) await source.containers.unpause(sourceId)
      else if (now && !now.State.Running) await source.containers.start(sourceId)
      report({ type: 'note', message: `${name} runs on ${source.name} again` })
    }
  },
}

/** The containers that ran when the plan was made, stage by stage in the order in which they start. */
export function runningStages({ containers }: Plan): ContainerPlan[][] {
  const running = containers.filter(({ wasRunning }) => wasRunning)
  const stages = [...new Set(running.map(({ stage }) => stage))].sort((a, b) => a - b)
  return stages.map((stage) => running.filter((container) => container.stage === stage))
}

/** Looks, instead of believing: no source copy may run when data is compared and the target starts. */
export async function assertAtRest({ plan, source }: Run): Promise<void> {
  for (const { sourceId, name } of plan.containers) {
    const now = await source.containers.inspect(sourceId)
    if (now?.State.Running && !now.State.Paused) {
      throw new WherryError(
        'source-still-running',
        exitCodes.unexpected,
        `${name} still runs on ${source.name}: somebody started it again.`,
        {
          suggestions: ['Find out what starts it, and try again.'],
        },
      )
    }
  }
}
