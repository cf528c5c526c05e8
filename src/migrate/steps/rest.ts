import type { Engine } from '../../engine/engine.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import type { ContainerPlan, Plan } from '../../model/plan.ts'
import { announce } from '../announce.ts'
import { leaveForwarding, removeForwarding } from '../forwarding.ts'
import type { Run, Step } from '../run.ts'
import { releaseSource, whileTakingOver } from './ghosts.ts'
import { assertNotShared } from './sharing.ts'

/** Makes sure that the source copies cannot come back: no restart policy from here on, nor an earlier migration's rollback. */
export const fence: Step = {
  name: 'fence',
  async do({ plan, source }) {
    await leaveForwarding(plan, source)
    for (const { sourceId, manifest } of plan.containers) {
      // Engines refuse to update a container with --rm; it has no restart policy anyway.
      if (!manifest.hostConfig.AutoRemove) {
        await source.containers.setRestartPolicy(sourceId, { Name: 'no', MaximumRetryCount: 0 })
      }
    }
    return undefined
  },
  isVital: true,
  async undo(run) {
    const { source } = run
    for (const { sourceId, manifest, restartPolicy } of await present(run)) {
      if (!manifest.hostConfig.AutoRemove) await source.containers.setRestartPolicy(sourceId, restartPolicy)
    }
    // An engine that was restarted meanwhile has not started what was fenced.
    await startAgain(run)
    await removeForwarding(run.plan, source)
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
    await whileTakingOver(run, async () => {
      for (const stage of runningStages(plan).toReversed()) {
        await allDone(stage.map((container) => rest(source, container)))
      }
    })
    await assertAtRest(run)
    await assertStillThere(run)
    await assertNotShared(run)
    run.times.restedMs = performance.now()
    return undefined
  },
  isVital: true,
  async undo(run) {
    await releaseSource(run)
    await startAgain(run)
  },
}

/** Lets the source copies run on, those first that others depend on. One that somebody removed cannot. */
async function startAgain(run: Run): Promise<void> {
  const there = await present(run)
  const failures: unknown[] = []
  for (const container of runningStages(run.plan).flat()) {
    // One that cannot start is no reason to leave the others stopped.
    if (there.includes(container)) await letRunAgain(run, container).catch((error) => failures.push(error))
  }
  if (failures.length > 0) throw failures[0]
}

async function letRunAgain(run: Run, container: ContainerPlan): Promise<void> {
  const { source, report } = run
  const { sourceId, name } = container
  if (run.isResumed && run.state.isResting) await letStopEnd(source, container)
  const now = await source.containers.inspect(sourceId)
  if (now?.State.Paused) await source.containers.unpause(sourceId)
  else if (!now?.State.Running) await source.containers.start(sourceId)
  else return
  report({ type: 'note', message: `${name} runs on ${source.name} again` })
  // Its neighbours may have learnt that it was on the target.
  if (run.state.begun.has('start')) await announce(run, source, container)
}

/** A stop that a dead run asked for may still be on its way: it would end what was found running. Asking again waits for it. */
async function letStopEnd(source: Engine, { sourceId, rest, manifest }: ContainerPlan): Promise<void> {
  if (rest === 'freeze') return
  await source.containers.stop(sourceId, { timeoutSeconds: manifest.config.StopTimeout ?? 0 })
}

/** The containers that are still on the source. */
async function present({ plan, source }: Run): Promise<ContainerPlan[]> {
  const documents = await Promise.all(
    plan.containers.map(({ sourceId }) => source.containers.inspect(sourceId)),
  )
  return plan.containers.filter((_, index) => documents[index])
}

/**
 * Stops or freezes one container; fine if it is at rest already. A request that broke off is repeated: what it began must end before
 * anything else.
 */
async function rest({ containers }: Engine, { sourceId, rest, manifest }: ContainerPlan): Promise<void> {
  const now = await containers.inspect(sourceId)
  if (!now?.State.Running) return
  if (rest === 'freeze') {
    if (!now.State.Paused) await containers.pause(sourceId)
    return
  }
  const timeoutSeconds = manifest.config.StopTimeout ?? 0
  try {
    await containers.stop(sourceId, { timeoutSeconds })
  } catch {
    await containers.stop(sourceId, { timeoutSeconds })
  }
}

/** A container with --rm that ended by itself vanished, and its directories with it: there is nothing to move any more. */
async function assertStillThere(run: Run): Promise<void> {
  const there = await present(run)
  const gone = run.plan.containers.filter((container) => !there.includes(container))
  if (gone.length === 0) return
  throw new WherryError(
    'source-removed',
    exitCodes.rolledBack,
    `${gone.map(({ name }) => name).join(', ')} was removed on ${run.source.name} before it could be moved.`,
    { suggestions: ['Find out who did it; a container with --rm does it itself when it ends.'] },
  )
}

/** Waits for all requests, also when one of them fails: none may still be on its way when a rollback begins. */
export async function allDone(requests: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(requests))
    if (outcome.status === 'rejected') throw outcome.reason
}

/** The containers that ran when the plan was made, stage by stage in the order in which they start. */
export function runningStages({ containers }: Plan): ContainerPlan[][] {
  const running = containers.filter(({ wasRunning }) => wasRunning)
  const stages = [...new Set(running.map(({ stage }) => stage))].sort((a, b) => a - b)
  return stages.map((stage) => running.filter((container) => container.stage === stage))
}

/**
 * Looks, instead of believing: no source copy may run when data is compared and the target starts. Of a source that is down
 * for good, the user has made sure.
 */
export async function assertAtRest({ plan, source }: Run): Promise<void> {
  if (source.isAbsent) return
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
