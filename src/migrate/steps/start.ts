import { migrationLabel, roleLabel } from '../../model/plan.ts'
import { waitUntilServing } from '../health.ts'
import type { Run, Step } from '../run.ts'
import { removeAgentsOn } from './agents.ts'
import { allDone, assertAtRest, runningStages } from './rest.ts'

/** Starts the target copies in order, and waits until they serve. Downtime ends here. */
export const startTarget: Step = {
  name: 'start',
  async do(run) {
    const { plan, target, report } = run
    await assertAtRest(run)
    const names = plan.containers.map(({ name }) => name).join(', ')
    report({ type: 'phase', phase: 'start', message: `starting ${names} on ${target.name}` })
    for (const stage of runningStages(plan)) {
      await allDone(stage.map(({ name }) => letRun(run, name)))
    }
    run.times.startedMs = performance.now()
    run.times.servingMs = await waitUntilServing(run)
    return undefined
  },
  isVital: true,
  async undo({ plan, target }) {
    // The anonymous volumes of a copy go with it only when nothing else has them.
    await removeAgentsOn(target, plan)
    const labels = [`${migrationLabel}=${plan.id}`, `${roleLabel}=target`]
    // Not stopped but removed: a start that is still on its way then finds nothing to start.
    for (const { Id, Names } of (await target.containers.list({ labels })).toReversed()) {
      await target.containers.remove(Id, { volumes: true, name: Names[0]?.slice(1) ?? Id })
    }
  },
}

/** Starts a copy, or thaws one that a rollback had frozen and left. */
async function letRun({ target, isResumed }: Run, name: string): Promise<void> {
  const isFrozen = isResumed && (await target.containers.inspect(name))?.State.Paused
  await (isFrozen ? target.containers.unpause(name) : target.containers.start(name))
}
