import { hostname } from 'node:os'
import type { Plan } from '../../model/plan.ts'
import { isAlive } from '../../platform/alive.ts'
import { type JournalContent, listMigrations, readJournal } from '../journal.ts'
import { type MigrationState, stateOf } from '../state.ts'

/** One migration, as `migration list` shows it. Times are ISO. */
export interface MigrationSummary {
  id: string
  createdAt: string
  /** `interrupted`: it ended half-way, and waits for `resume` or `rollback`. */
  status: 'running' | 'interrupted' | 'completed' | 'rolled-back' | 'finished'
  committed: boolean
  /** The step that was begun last. */
  step: string
  containers: string[]
  source: string
  target: string
  /** Commands that can follow, the likeliest first. */
  next: string[]
}

/** All migrations that this machine has a journal of, oldest first. */
export async function summaries(): Promise<MigrationSummary[]> {
  const contents = await Promise.all((await listMigrations()).map((id) => readJournal(id)))
  return contents.filter((content) => content !== undefined).map(summaryOf)
}

/** What a journal says about a migration. */
export function summaryOf({ plan, records }: JournalContent): MigrationSummary {
  const state = stateOf(records)
  // After its commit a restore has nothing left to do.
  const ended = plan.snapshot && state.committed ? 'finished' : 'interrupted'
  const status = state.status === 'unfinished' ? (isWorkedOn(state) ? 'running' : ended) : state.status
  const last = records.findLast((record) => 'step' in record)
  return {
    id: plan.id,
    createdAt: plan.createdAt,
    status,
    committed: state.committed,
    step: last && 'step' in last ? last.step : '',
    containers: plan.containers.map(({ name }) => name),
    source: plan.source.engine,
    target: plan.target.engine,
    next: nextCommands(plan, status, state),
  }
}

function nextCommands(
  { id, snapshot }: Plan,
  status: MigrationSummary['status'],
  state: MigrationState,
): string[] {
  const command = (verb: string) => `wherry migration ${verb} ${id}`
  // What was restored half-way is taken away, and restored anew.
  if (snapshot) return status === 'interrupted' && !state.committed ? [command('rollback')] : []
  if (status === 'interrupted') {
    if (state.rollingBack) return [command('rollback')]
    return state.committed ? [command('resume')] : [command('resume'), command('rollback')]
  }
  if (status === 'completed') return [command('finish'), command('rollback')]
  if (status === 'rolled-back' && state.left.length > 0) return [command('rollback')]
  return []
}

/** Whether the process that worked on it last is there still; of one on another machine it cannot be told. */
function isWorkedOn({ process: worker }: MigrationState): boolean {
  if (!worker || worker.host !== hostname() || worker.pid === process.pid) return false
  return isAlive(worker.pid)
}
