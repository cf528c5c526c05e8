import type { Engine } from '../engine/engine.ts'
import type { MigrateOptions, Plan } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'
import { execute } from './executor.ts'
import { Journal } from './journal.ts'
import { newMigrationId } from './plan.ts'
import { preflight } from './preflight.ts'
import { type MigrateResult, resultOf } from './result.ts'
import type { Run, Step } from './run.ts'
import { startAgents } from './steps/agents.ts'
import { makeBindDirectories } from './steps/bind-directories.ts'
import { createContainers } from './steps/containers.ts'
import { cleanUp, commit, restorePolicies } from './steps/finish.ts'
import { endFrozen } from './steps/frozen.ts'
import { bringImages } from './steps/images.ts'
import { createNetworks } from './steps/networks.ts'
import { bringToRest, fence } from './steps/rest.ts'
import { finalRound, preCopy } from './steps/rounds.ts'
import { startTarget } from './steps/start.ts'
import { createVolumes } from './steps/volumes.ts'

export interface MigrateRequest {
  source: Engine
  target: Engine
  /** Names or ids on the source. */
  names: readonly string[]
  options: MigrateOptions
  report: Report
  signal: AbortSignal
}

/** Makes the plan and changes nothing. @throws RefusedError with every reason not to begin. */
export async function planOnly(request: MigrateRequest): Promise<Plan> {
  return preflight({ ...request, id: newMigrationId(new Date()), keepImages: false })
}

/**
 * Moves containers from one engine to another. Either it returns and they run on the target, or it throws and, as the
 * error's exit code says, they run on the source again or the user is needed.
 */
export async function migrate(request: MigrateRequest): Promise<MigrateResult> {
  const startedAtMs = performance.now()
  const plan = await preflight({ ...request, id: newMigrationId(new Date()), keepImages: true })
  for (const { code, message } of plan.warnings) request.report({ type: 'warning', code, message })
  const { source, target, report, signal } = request
  const run: Run = { plan, source, target, report, signal, rounds: [], bytesTransferred: 0, times: {} }
  const journal = await Journal.create(plan)
  try {
    await execute(stepsOf(plan), run, journal)
    return await resultOf(run, startedAtMs)
  } finally {
    await journal.close()
  }
}

/** The steps of a migration, in order. Everything before `commit` can be undone. */
export function stepsOf({ options }: Plan): Step[] {
  return [
    bringImages,
    createNetworks,
    createVolumes,
    makeBindDirectories,
    createContainers,
    startAgents,
    ...(options.mode === 'warm' ? [preCopy] : []),
    fence,
    bringToRest,
    finalRound,
    startTarget,
    commit,
    restorePolicies,
    endFrozen,
    cleanUp,
  ]
}
