import { exitCodes, RefusedError, WherryError } from '../../model/errors.ts'
import type { Plan } from '../../model/plan.ts'
import { withJournal } from '../complete.ts'
import { stepsOf } from '../procedure.ts'
import { rollBack } from '../rollback.ts'
import { newRun } from '../run.ts'
import { stateOf } from '../state.ts'
import { openJournalOrNone } from './open-journal.ts'
import { assertSameEngines } from './resume.ts'
import type { RollbackRequest, RollbackResult } from './rollback.ts'

/**
 * Takes away what a restore that ended half-way has made. One that is complete is the user's.
 * @throws RefusedError `restore-complete`.
 */
export async function undoRestore(request: RollbackRequest, startedAtMs: number): Promise<RollbackResult> {
  const { content, target } = request
  const { plan, records } = content
  const state = stateOf(records)
  if (state.committed) throw complete(plan)
  assertSameEngines(plan, undefined, target)
  const run = newRun({ ...request, plan, locks: [], state, isResumed: true })
  return withJournal(
    run,
    'rollback',
    () => openJournalOrNone(content, 'rollback'),
    async (journal) => {
      const { left, where } = await rollBack(stepsOf(plan), run, journal, undefined)
      return {
        id: plan.id,
        status: 'rolled-back' as const,
        containers: [],
        left: left.map(({ step }) => step),
        leftBecause: left,
        message: where,
        warnings: run.unwritten ? [run.unwritten] : [],
        totalSeconds: Math.round(performance.now() - startedAtMs) / 1000,
      }
    },
  )
}

/** @throws WherryError for a restore, which is not gone on with and leaves nothing to finish. */
export function assertNoRestore({ id, snapshot, containers }: Plan, isCommitted: boolean): void {
  if (!snapshot) return
  const names = containers.map(({ name }) => name).join(', ')
  if (isCommitted) throw complete({ id, snapshot, containers })
  throw new WherryError(
    'restore-half-way',
    exitCodes.refused,
    `${id} is no migration: it restored ${names} from snapshot ${snapshot.id} and ended half-way.`,
    {
      suggestions: [
        `Take away what it has made: wherry migration rollback ${id}`,
        `Then begin anew: wherry restore ${snapshot.id}`,
      ],
    },
  )
}

function complete({ id, containers, snapshot }: Pick<Plan, 'id' | 'containers' | 'snapshot'>): RefusedError {
  const names = containers.map(({ name }) => name).join(', ')
  return new RefusedError(
    'restore-complete',
    `${id} restored ${names} from snapshot ${snapshot?.id} and is complete: there is nothing to go on with or to take back.`,
    { suggestions: ['What was restored is an ordinary container: docker rm takes it away.'] },
  )
}
