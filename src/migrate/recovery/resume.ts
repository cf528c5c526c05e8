import type { Engine } from '../../engine/engine.ts'
import { findLocks } from '../../launch/lock.ts'
import { exitCodes, RefusedError, WherryError } from '../../model/errors.ts'
import type { Plan } from '../../model/plan.ts'
import type { Report } from '../../model/progress.ts'
import { everStarted, targetCopies } from '../carry-back.ts'
import { complete, withJournal } from '../complete.ts'
import type { JournalContent } from '../journal.ts'
import { isWhole } from '../plan-label.ts'
import type { MigrateResult } from '../result.ts'
import { goneFromSource } from '../rollback.ts'
import { type BegunMove, newRun, type Run } from '../run.ts'
import { isComplete, type MigrationState, stateOf } from '../state.ts'
import { restorePolicies } from '../steps/finish.ts'
import { startTarget } from '../steps/start.ts'
import { lockBothSides } from './lock-both-sides.ts'
import { assertNotMovedOn } from './moved-on.ts'
import { openJournal } from './open-journal.ts'

export interface ResumeRequest {
  content: JournalContent
  /** One that is gone for good may be an absent one (see `absentEngine`), once everything is on the target. */
  source: Engine
  target: Engine
  report: Report
  signal: AbortSignal
  /** Given the migration when it is gone on with. */
  onBegin?: (begun: BegunMove) => void
}

/**
 * Goes on with a migration that ended half-way, from what is true on the engines: what is there is used, what arrived is not
 * sent again, and a copy that has already run on the target is never written over.
 * @throws like `migrate`; RefusedError where there is nothing to resume.
 */
export async function resume(request: ResumeRequest): Promise<MigrateResult> {
  const startedAtMs = performance.now()
  const { content, source, target } = request
  const { plan, records } = content
  const state = stateOf(records)
  assertCanResume(plan, state)
  await assertSomethingLeft(plan, state, source)
  assertWhole(plan, state)
  assertSameEngines(plan, source.isAbsent ? undefined : source, target)
  const looking = newRun({ ...request, plan, locks: [], state, isResumed: true })
  await assertNotMovedOn(looking, content)
  const run: Run = { ...looking, locks: source.isAbsent ? [] : await lockBothSides(looking) }
  return withJournal(
    run,
    'resume',
    () => openJournal(content, 'resume'),
    async (journal) => {
      request.onBegin?.(run)
      return complete(run, journal, startedAtMs, await firstStepLeft(run))
    },
  )
}

/** Where to go on: undefined means from the front, where each step finds what it has done already. */
async function firstStepLeft(run: Run): Promise<string | undefined> {
  const { plan, state } = run
  const copies = await targetCopies(run)
  if (state.committed) {
    // A rollback that did not come to its end may have stopped them.
    const atRest = copies.filter(({ State }) => !State.Running || State.Paused)
    const stopped = plan.containers.some(
      ({ name, wasRunning }) => wasRunning && atRest.some(({ Name }) => Name === `/${name}`),
    )
    return state.rollbackTried && stopped ? startTarget.name : restorePolicies.name
  }
  // From its start on the copy holds the newest data: to copy once more would write over it.
  if (copies.some(everStarted) || run.source.isAbsent) return startTarget.name
  // Somebody removed the source after everything had arrived.
  const hasAll = isComplete(state) && copies.length === plan.containers.length
  return hasAll && (await goneFromSource(run)).length > 0 ? startTarget.name : undefined
}

function assertCanResume({ id }: Plan, { status, rollingBack, committed }: MigrationState): void {
  if (status !== 'unfinished' && !(status === 'completed' && committed)) throw nothingToResume(id, status)
  if (rollingBack) {
    throw new RefusedError('being-rolled-back', `Migration ${id} was being rolled back.`, {
      suggestions: [`Bring that to its end: wherry migration rollback ${id}`],
    })
  }
}

/** From a copy's labels only the way back is known: nothing can be created from it. */
function assertWhole(plan: Plan, { committed }: MigrationState): void {
  if (committed || isWhole(plan)) return
  throw new RefusedError('plan-incomplete', `Of migration ${plan.id} only the way back is known.`, {
    suggestions: [`Put the source back: wherry migration rollback ${plan.id}`],
  })
}

/** A complete migration has nothing left to do, unless it ended between its last step and giving up its lock. */
async function assertSomethingLeft(plan: Plan, { status }: MigrationState, source: Engine): Promise<void> {
  if (status !== 'completed') return
  if (!source.isAbsent && (await findLocks(source, plan.id)).length > 0) return
  throw nothingToResume(plan.id, status)
}

function nothingToResume(id: string, status: string): RefusedError {
  return new RefusedError('nothing-to-resume', `Migration ${id} is over: it was ${status}.`, {
    suggestions: [`See what it did: wherry migration show ${id}`],
  })
}

/** @throws WherryError `other-engine` (exit 3) when a name now means another engine than the one in the plan. */
export function assertSameEngines(plan: Plan, source?: Engine, target?: Engine): void {
  for (const [planned, engine] of [
    [plan.source, source],
    [plan.target, target],
  ] as const) {
    if (!engine || engine.info.ID === planned.id) continue
    throw new WherryError(
      'other-engine',
      exitCodes.refused,
      `${engine.name} is not the engine that migration ${plan.id} worked with.`,
      {
        suggestions: [
          'Check what the Docker context points at. Under another name: --from ENGINE and --to ENGINE.',
        ],
        data: { engine: engine.name, expected: planned.id, found: engine.info.ID },
      },
    )
  }
}
