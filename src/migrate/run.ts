import type { Link } from '../agent/link.ts'
import type { RoundResult } from '../agent/round.ts'
import type { Engine } from '../engine/engine.ts'
import type { RunningAgent } from '../launch/agent.ts'
import type { Lock } from '../launch/lock.ts'
import { messageOf } from '../model/errors.ts'
import type { Plan, Warning } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'
import { type Journal, journalUnwritable, type NewRecord } from './journal.ts'
import { type MigrationState, stateOf, takeRecord } from './state.ts'

/** A step that could not be undone, and why, as the engine said it; nothing of it runs. */
export interface LeftOver {
  step: string
  reason: string
}

/** The two agents of a migration and the way between them. On the way back the target's agent is the sender. */
export interface Agents {
  sender: RunningAgent
  receiver: RunningAgent
  link: Link
  /** The trees as both agents see them. */
  trees: { id: string; path: string }[]
}

/** What steps share while a migration runs. Nothing in here is needed to undo one: that takes the plan and the engines. */
export interface Run {
  readonly plan: Plan
  readonly source: Engine
  readonly target: Engine
  readonly report: Report
  /** Aborted when the user wants out. Long steps watch it. */
  readonly signal: AbortSignal
  /** One for each container that moves. */
  readonly locks: readonly Lock[]
  /** How far the migration had come when this process took it on, and has come since. */
  readonly state: MigrationState
  /** Whether an earlier process may have copied something already. */
  readonly isResumed: boolean
  /** What the target's copies wrote is given up, as the user said. */
  readonly discard?: boolean
  agents?: Agents
  readonly rounds: RoundResult[]
  bytesTransferred: number
  /** Forwarders that are being started while other work goes on. */
  forwarding?: Promise<unknown>
  /** What a rollback could not take away. */
  left: readonly LeftOver[]
  /** Set when a rollback has waited in vain for an engine: it does not wait again. */
  gaveUpWaiting?: boolean
  /** Set when something could not be written to the journal that the work did not depend on. */
  unwritten?: Warning
  readonly times: {
    /** Milliseconds on the monotonic clock. */
    restedFromMs?: number
    restedMs?: number
    verifiedMs?: number
    /** How long reading back took, in milliseconds. */
    readBackMs?: number
    startedMs?: number
    servingMs?: number
  }
}

/**
 * One undoable unit of work. `do` looks first and leaves alone what is done already: it may follow a run that was killed in
 * the middle of it. `undo` must put right whatever `do` did or half did, judging by what is on the engines; it is called also
 * when `do` failed, and may be called by another process than the one that did it.
 */
export interface Step {
  /** Stable, for the journal. */
  name: string
  do(run: Run): Promise<Record<string, unknown> | undefined>
  undo?(run: Run): Promise<void>
  /** What follows this step is never undone by itself: the container belongs to the target. */
  commits?: boolean
  /** Without this undo no source copy may start, or none has started: a rollback must not go on past its failure. */
  isVital?: boolean
}

/** Writes a record, and knows it from then on. @throws WherryError `journal-not-writable`. */
export async function record(run: Run, journal: Journal, entry: NewRecord): Promise<void> {
  await journal.append(entry).catch((error) => {
    throw journalUnwritable(error, run.plan, run.isResumed ? 'resume' : 'migrate')
  })
  takeRecord(run.state, entry)
}

/** The same where it can be written: a journal that cannot must not keep the source from being put back. */
export async function note(run: Run, journal: Journal, entry: NewRecord): Promise<void> {
  await journal.append(entry).catch((error) => {
    if (run.unwritten) return
    const message = `The journal cannot be written (${messageOf(error)}), and wherry goes on without: what becomes of migration ${run.plan.id} is on the engines, but "wherry migration list" will not show it.`
    run.unwritten = { code: 'journal-not-written', message }
    run.report({ type: 'warning', ...run.unwritten })
  })
  takeRecord(run.state, entry)
}

/** What of a run others may watch: its state is that of now. */
export type BegunMove = Readonly<Pick<Run, 'plan' | 'state'>>

/** What a run begins with. */
export type RunParts = Pick<Run, 'plan' | 'source' | 'target' | 'report' | 'signal' | 'locks'> &
  Partial<Pick<Run, 'state' | 'isResumed' | 'discard'>>

export function newRun(parts: RunParts): Run {
  return {
    state: stateOf([]),
    isResumed: false,
    rounds: [],
    left: [],
    bytesTransferred: 0,
    times: {},
    ...parts,
  }
}
