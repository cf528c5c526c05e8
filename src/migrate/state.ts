import type { JournalRecord, NewRecord } from './journal.ts'

/** How far a migration came, by its journal. What is true is on the engines; this says what to look for. */
export interface MigrationState {
  /** `unfinished`: running just now, or it ended half-way and needs `resume` or `rollback`. */
  status: 'unfinished' | 'completed' | 'rolled-back' | 'finished'
  committed: boolean
  /** Steps that were begun and not undone: what a rollback has to look at. */
  begun: Set<string>
  /** Whether containers were being stopped when the journal ends: an engine may be at it still. */
  isResting: boolean
  /** Whether it was being rolled back when the journal ends. */
  rollingBack: boolean
  /** Whether what the target's copy wrote is on the source again. */
  carriedBack: boolean
  finalRoundDone: boolean
  /** When the copies had been started whose data was carried back, by their ids. */
  carriedBackFrom: Record<string, string>
  /** A rollback has worked on it since the copies were started last: it may have stopped them. */
  rollbackTried: boolean
  /** The trees' digests after the final round, by tree; empty before it. */
  finalDigests: Record<string, string>
  /** The steps that a rollback could not undo. */
  left: string[]
  /** The process that worked on it last. */
  process?: { pid: number; host: string }
}

/** Reads the state out of a journal's records. Any prefix of a journal gives the state at that moment. */
export function stateOf(records: readonly JournalRecord[]): MigrationState {
  const state: MigrationState = {
    status: 'unfinished',
    committed: false,
    begun: new Set(),
    isResting: false,
    rollingBack: false,
    carriedBack: false,
    finalRoundDone: false,
    carriedBackFrom: {},
    rollbackTried: false,
    finalDigests: {},
    left: [],
  }
  for (const record of records) takeRecord(state, record)
  return state
}

/** Whether everything had arrived on the target, compared, with the source at rest. */
export function isComplete({ finalRoundDone }: MigrationState): boolean {
  return finalRoundDone
}

/** Brings a state up to date with one more record. */
export function takeRecord(state: MigrationState, record: NewRecord): void {
  switch (record.type) {
    case 'process':
      state.process = { pid: record.pid, host: record.host }
      state.status = 'unfinished'
      if (record.command === 'rollback') state.rollbackTried = true
      return
    case 'intent':
      state.begun.add(record.step)
      takeIntent(state, record.step)
      return
    case 'done':
      takeDone(state, record)
      return
    case 'undo-intent':
      state.rollingBack = true
      return
    case 'undone':
      state.begun.delete(record.step)
      if (record.step === 'rest') state.isResting = false
      return
    case 'commit':
      state.committed = true
      return
    case 'end':
      state.status = record.status === 'needs-user' ? 'unfinished' : record.status
      state.left = record.left ?? []
  }
}

function takeIntent(state: MigrationState, step: string): void {
  if (step === 'start') {
    state.carriedBack = false
    state.rollbackTried = false
  }
  if (step !== 'rest') return
  // What rests may have been started again since: an earlier final round counts no more.
  state.finalRoundDone = false
  state.isResting = true
}

function takeDone(
  state: MigrationState,
  { step, data }: { step: string; data?: Record<string, unknown> },
): void {
  if (step === 'rest') state.isResting = false
  if (step === 'carry-back') {
    state.carriedBack = true
    state.carriedBackFrom = (data?.started ?? {}) as Record<string, string>
  }
  if (step !== 'final-round') return
  state.finalRoundDone = true
  state.finalDigests = digestsIn(data)
}

function digestsIn(data: Record<string, unknown> | undefined): Record<string, string> {
  const trees = (data?.trees ?? []) as { id: string; targetDigest: string }[]
  return Object.fromEntries(trees.map(({ id, targetDigest }) => [id, targetDigest]))
}
