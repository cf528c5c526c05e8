import { keepHostDirectories } from '../../launch/host-directories.ts'
import { assertAllRun } from '../health.ts'
import type { Step } from '../run.ts'
import { removeAgents } from './agents.ts'
import { assertAtRest } from './rest.ts'

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
  async do({ plan, target }) {
    for (const { name, restartPolicy, manifest } of plan.containers) {
      if (!manifest.hostConfig.AutoRemove) await target.containers.setRestartPolicy(name, restartPolicy)
    }
    return undefined
  },
}

/** Takes wherry's own helpers away. */
export const cleanUp: Step = {
  name: 'clean-up',
  async do(run) {
    run.report({ type: 'phase', phase: 'clean-up', message: 'cleaning up' })
    await removeAgents(run)
    await keepHostDirectories(run.target, run.plan.id)
    return undefined
  },
}
