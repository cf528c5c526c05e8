import { keepHostDirectories } from '../../launch/host-directories.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import type { ContainerPlan } from '../../model/plan.ts'
import { targetCopies } from '../carry-back.ts'
import { assertAllRun } from '../health.ts'
import type { Run, Step } from '../run.ts'
import { removeAgents } from './agents.ts'
import { layGhosts } from './ghosts.ts'
import { assertAtRest, runningStages } from './rest.ts'

/** The commit point: both sides hold the same data, the target serves, the source is fenced. */
export const commit: Step = {
  name: 'commit',
  commits: true,
  async do(run) {
    await assertAtRest(run)
    await assertAllRun(run)
    return undefined
  },
}

/** Gives the target copies the restart policies that the source copies had. */
export const restorePolicies: Step = {
  name: 'restart-policies',
  async do(run) {
    const { plan, target } = run
    const copies = await targetCopies(run)
    for (const { name, restartPolicy, manifest } of plan.containers) {
      // By its label and not by its name alone: somebody may have made another of that name.
      const copy = copies.find(({ Name }) => Name === `/${name}`)
      // With --rm there is no policy, and what has ended is gone.
      if (manifest.hostConfig.AutoRemove) continue
      if (!copy) throw goneFromTarget(name, target.name)
      await target.containers.setRestartPolicy(copy.Id, restartPolicy)
    }
    for (const stage of runningStages(plan)) {
      for (const container of stage) await keepRunning(run, container)
    }
    return undefined
  },
}

function goneFromTarget(name: string, engine: string): WherryError {
  return new WherryError(
    'copy-gone',
    exitCodes.needsUser,
    `The copy of ${name} is no longer on ${engine}: somebody removed or renamed it.`,
  )
}

/** A copy that ended before it had its policy, perhaps with its engine, was not started again by it. */
async function keepRunning({ target, report }: Run, { name, restartPolicy }: ContainerPlan): Promise<void> {
  const now = await target.containers.inspect(name)
  if (!now || now.State.Running) return
  const { ExitCode } = now.State
  const isWanted = ['always', 'unless-stopped'].includes(restartPolicy.Name)
  if (isWanted || (restartPolicy.Name === 'on-failure' && ExitCode !== 0)) {
    report({
      type: 'note',
      message: `${name} had ended on ${target.name}: starting it as its restart policy says`,
    })
    await target.containers.start(name)
  } else {
    const message = `${name} has ended on ${target.name} since the commit, with exit code ${ExitCode}.`
    report({ type: 'warning', code: 'target-ended', message })
  }
}

/** Takes wherry's own helpers away. */
export const cleanUp: Step = {
  name: 'clean-up',
  async do(run) {
    run.report({ type: 'phase', phase: 'clean-up', message: 'cleaning up' })
    await removeAgents(run)
    await layGhosts(run)
    await keepHostDirectories(run.target, run.plan.id)
    return undefined
  },
}
