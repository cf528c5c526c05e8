import { type ContainerPlan, migrationLabel, roleLabel } from '../../model/plan.ts'
import { removePlugs } from '../../network/addresses.ts'
import { announce } from '../announce.ts'
import { waitUntilServing } from '../health.ts'
import type { Run, Step } from '../run.ts'
import { removeAgentsOn } from './agents.ts'
import { startInPlace } from './ghosts.ts'
import { release } from './hold.ts'
import { allDone, assertAtRest, runningStages } from './rest.ts'

/** Starts the target copies in order, and waits until they serve. Downtime ends here. */
export const startTarget: Step = {
  name: 'start',
  async do(run) {
    const { plan, target, report } = run
    await assertAtRest(run)
    const names = plan.containers.map(({ name }) => name).join(', ')
    report({ type: 'phase', phase: 'start', message: `starting ${names} on ${target.name}` })
    const announced: Promise<void>[] = []
    await allDone([release(run), letAllRun(run, announced)])
    run.times.startedMs = performance.now()
    run.times.servingMs = await waitUntilServing(run)
    await Promise.all(announced)
    return undefined
  },
  isVital: true,
  async undo(run) {
    const { plan, target } = run
    // The anonymous volumes of a copy go with it only when nothing else has them.
    await removeAgentsOn(target, plan)
    const labels = [`${migrationLabel}=${plan.id}`, `${roleLabel}=target`]
    // Not stopped but removed: a start that is still on its way then finds nothing to start.
    for (const { Id, Names } of (await target.containers.list({ labels })).toReversed()) {
      await target.containers.remove(Id, { volumes: true, name: Names[0]?.slice(1) ?? Id })
    }
    await removePlugs(target, [`${migrationLabel}=${plan.id}`])
  },
}

/** Starts the copies, stage by stage; each one's announcement goes on beside what follows. */
async function letAllRun(run: Run, announced: Promise<void>[]): Promise<void> {
  const { plan, target } = run
  const letOneRun = async (container: ContainerPlan) => {
    await startInPlace(run, container, () => letRun(run, container.name))
    announced.push(announce(run, target, container))
  }
  // One after the other where addresses depend on who comes first.
  const inTurn = plan.networks.some(({ action }) => action === 'stretch')
  for (const stage of runningStages(plan)) {
    if (inTurn) for (const container of stage) await letOneRun(container)
    else await allDone(stage.map(letOneRun))
  }
}

/** Starts a copy, or thaws one that a rollback had frozen and left. */
async function letRun({ target, isResumed }: Run, name: string): Promise<void> {
  const isFrozen = isResumed && (await target.containers.inspect(name))?.State.Paused
  await (isFrozen ? target.containers.unpause(name) : target.containers.start(name))
}
