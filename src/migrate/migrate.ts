import type { Engine } from '../engine/engine.ts'
import type { MigrateOptions, Plan } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'
import { complete, withJournal } from './complete.ts'
import { Journal } from './journal.ts'
import { lockPlan } from './locking.ts'
import { newMigrationId } from './plan.ts'
import { preflight } from './preflight.ts'
import type { MigrateResult } from './result.ts'
import { type BegunMove, newRun } from './run.ts'

export interface MigrateRequest {
  source: Engine
  target: Engine
  /** Names or ids on the source. */
  names: readonly string[]
  options: MigrateOptions
  report: Report
  signal: AbortSignal
  /** Given the migration before anything changes. */
  onBegin?: (begun: BegunMove) => void
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
  const locks = await lockPlan(request.source, plan)
  const run = newRun({ ...request, plan, locks })
  return withJournal(
    run,
    'migrate',
    () => Journal.create(plan),
    async (journal) => {
      request.onBegin?.(run)
      return complete(run, journal, startedAtMs)
    },
  )
}
