import type { Link } from '../agent/link.ts'
import type { RoundResult } from '../agent/round.ts'
import type { Engine } from '../engine/engine.ts'
import type { RunningAgent } from '../launch/agent.ts'
import type { Plan } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'

/** The two agents of a migration and the way between them. */
export interface Agents {
  source: RunningAgent
  target: RunningAgent
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
  agents?: Agents
  readonly rounds: RoundResult[]
  bytesTransferred: number
  readonly times: {
    /** Milliseconds on the monotonic clock. */
    restedFromMs?: number
    restedMs?: number
    verifiedMs?: number
    startedMs?: number
    servingMs?: number
  }
}

/**
 * One undoable unit of work. `undo` must put right whatever `do` did or half did, judging by what is on the engines; it is
 * called also when `do` failed, and may be called by another process than the one that did it.
 */
export interface Step {
  /** Stable, for the journal. */
  name: string
  do(run: Run): Promise<Record<string, unknown> | undefined>
  undo?(run: Run): Promise<void>
  /** What follows this step is never undone: the container belongs to the target. */
  commits?: boolean
}
