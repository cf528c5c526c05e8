import { messageOf, WherryError } from '../model/errors.ts'
import { execute } from './executor.ts'
import { type Journal, journalUnwritable } from './journal.ts'
import { releaseAll } from './locking.ts'
import { patiently } from './patience.ts'
import { stepsOf } from './procedure.ts'
import { type MigrateResult, resultOf } from './result.ts'
import { note, type Run } from './run.ts'

/**
 * Works on a migration with its journal open. Its locks are given up when nothing is left to do; otherwise they stay, held by
 * nobody, so that nobody begins something else with containers that are half-way.
 */
export async function withJournal<T>(
  run: Run,
  command: string,
  open: () => Promise<Journal>,
  action: (journal: Journal) => Promise<T>,
): Promise<T> {
  let journal: Journal
  try {
    journal = await open()
  } catch (error) {
    // Nothing was begun just now, and why says more than a lock that stays, which the next run reports; but a migration that
    // is half-way keeps its locks, and with them its plan.
    const isHalfWay = run.isResumed && run.state.status === 'unfinished'
    if (!isHalfWay) await releaseAll(run.locks).catch(() => {})
    throw journalUnwritable(error, run.plan, command)
  }
  try {
    const result = await action(journal)
    if (run.left.length === 0) await giveUpLocks(run)
    return result
  } catch (error) {
    // A lock that stays is reported by the next run; what failed here must not be hidden by it.
    if (run.left.length === 0 && isRolledBack(error)) await releaseAll(run.locks).catch(() => {})
    throw error
  } finally {
    await journal.close()
  }
}

/** What was done stands, also when the engine with the locks went away just then. */
async function giveUpLocks({ report, locks, plan, state }: Run): Promise<void> {
  await patiently(report, () => releaseAll(locks)).catch((error) => {
    const verb = state.status === 'rolled-back' ? 'rollback' : 'resume'
    const message = `The lock on ${plan.source.engine} is still there: ${messageOf(error)} To take it away: wherry migration ${verb} ${plan.id}`
    report({ type: 'warning', code: 'lock-left', message })
  })
}

/** Does the migration's steps, from the one named `first` on, and ends the journal. */
export async function complete(
  run: Run,
  journal: Journal,
  startedAtMs: number,
  first?: string,
): Promise<MigrateResult> {
  await execute(stepsOf(run.plan), run, journal, first)
  await note(run, journal, { type: 'end', status: 'completed' })
  return resultOf(run, startedAtMs)
}

function isRolledBack(error: unknown): boolean {
  return error instanceof WherryError && error.data.rolledBack === true
}
