import type { Engine } from '../../engine/engine.ts'
import { findLocks } from '../../launch/lock.ts'
import { RefusedError } from '../../model/errors.ts'
import type { Warning } from '../../model/plan.ts'
import type { Report } from '../../model/progress.ts'
import { everStarted, targetCopies } from '../carry-back.ts'
import { withJournal } from '../complete.ts'
import type { JournalContent } from '../journal.ts'
import { stepsOf } from '../procedure.ts'
import { rollBack } from '../rollback.ts'
import { type LeftOver, newRun, type Run } from '../run.ts'
import { isComplete, type MigrationState, stateOf } from '../state.ts'
import { startAgents } from '../steps/agents.ts'
import { createContainers } from '../steps/containers.ts'
import { setForwardersAside, startForwarders } from '../steps/forward.ts'
import { letGhostsGiveWay, placeGhosts, prepareGhosts } from '../steps/ghosts.ts'
import { createNetworks } from '../steps/networks.ts'
import { bringToRest, fence } from '../steps/rest.ts'
import { startTarget } from '../steps/start.ts'
import { stretchNetworks } from '../steps/stretch.ts'
import { createVolumes } from '../steps/volumes.ts'
import { lockBothSides } from './lock-both-sides.ts'
import { assertNotMovedOn, assertNotReplaced } from './moved-on.ts'
import { openJournalOrNone } from './open-journal.ts'
import { undoRestore } from './restores.ts'
import { assertSameEngines } from './resume.ts'

export interface RollbackRequest {
  content: JournalContent
  source: Engine
  /** One that does not answer may be an absent one (see `absentEngine`). */
  target: Engine
  /** The user has made sure that nothing runs on the target any more. */
  targetIsDown: boolean
  /** Give up what the target's copy wrote instead of carrying it back. */
  discard: boolean
  report: Report
  signal: AbortSignal
}

/** What a rollback prints with `--json`. */
export interface RollbackResult {
  id: string
  status: 'rolled-back'
  containers: { name: string; engine: string; id: string }[]
  /** The steps that could not be undone. */
  left: string[]
  leftBecause: LeftOver[]
  message: string
  warnings: Warning[]
  totalSeconds: number
}

/**
 * Puts the containers back on the source: after a run that ended half-way, and also after a commit, as long as the fenced copy
 * is there. What the target's copy wrote is carried back before it is removed.
 */
export async function rollBackMigration(request: RollbackRequest): Promise<RollbackResult> {
  const startedAtMs = performance.now()
  const { content, source, target, targetIsDown } = request
  const { plan } = content
  if (plan.snapshot) return undoRestore(request, startedAtMs)
  const state = stateOf(content.records)
  assertSameEngines(plan, source, target.isAbsent ? undefined : target)
  assertCanRollBack(plan.id, state, (await findLocks(source, plan.id)).length > 0)
  const looking = newRun({ ...request, plan, locks: [], state, isResumed: true })
  await look(looking)
  await assertSourceCopies(looking)
  await assertNotMovedOn(looking, content)
  await assertNotReplaced(looking)
  const run: Run = { ...looking, locks: await lockBothSides(looking), gaveUpWaiting: target.isAbsent }
  return withJournal(
    run,
    'rollback',
    () => openJournalOrNone(content, 'rollback'),
    async (journal) => {
      const steps = stepsOf(plan).map((step) =>
        targetIsDown && step.name === 'start' ? { ...step, isVital: false } : step,
      )
      const { left, where } = await rollBack(steps, run, journal, undefined)
      return {
        id: plan.id,
        status: 'rolled-back' as const,
        containers: plan.containers.map(({ name, sourceId }) => ({
          name,
          engine: source.name,
          id: sourceId,
        })),
        left: left.map(({ step }) => step),
        leftBecause: left,
        message: where,
        warnings: run.unwritten ? [run.unwritten] : [],
        totalSeconds: Math.round(performance.now() - startedAtMs) / 1000,
      }
    },
  )
}

function assertCanRollBack(id: string, { status, left }: MigrationState, isLocked: boolean): void {
  if (status === 'finished') {
    throw new RefusedError('finished', `Migration ${id} is finished: the copy on the source is gone.`, {
      suggestions: ['Move the container back instead: wherry migrate NAME --from TARGET --to SOURCE'],
    })
  }
  // With its lock still there, it ended between its last step and giving that up.
  if (status === 'rolled-back' && left.length === 0 && !isLocked) {
    throw new RefusedError('nothing-to-roll-back', `Migration ${id} was rolled back already.`, {
      suggestions: [`See what it did: wherry migration show ${id}`],
    })
  }
}

/** Adds to what the journal says was begun what the engines show: the end of a journal can be lost. */
async function look(run: Run): Promise<void> {
  const { plan, source, target, state } = run
  if (!target.isAbsent) {
    for (const { name } of [
      createNetworks,
      stretchNetworks,
      createVolumes,
      createContainers,
      placeGhosts,
      letGhostsGiveWay,
      prepareGhosts,
      startAgents,
    ])
      state.begun.add(name)
    // Where a copy has run, the source had been brought to rest before.
    if ((await targetCopies(run)).some(everStarted))
      for (const { name } of [fence, bringToRest, startForwarders, setForwardersAside, startTarget])
        state.begun.add(name)
  }
  for (const { sourceId, restartPolicy } of plan.containers) {
    const now = await source.containers.inspect(sourceId)
    const isFenced = now && now.HostConfig.RestartPolicy?.Name !== restartPolicy.Name
    if (!isFenced && !now?.State.Paused) continue
    // A journal that lost its end cannot say whether the stop had ended.
    if (!state.begun.has(bringToRest.name)) state.isResting = true
    // A forwarder may have the ports since then.
    for (const { name } of [fence, bringToRest, startForwarders]) state.begun.add(name)
  }
}

/** Nothing is taken away from a target that has everything when there is nothing to put back. */
async function assertSourceCopies({ plan, source, state }: Run): Promise<void> {
  if (!state.begun.has(startTarget.name) && !isComplete(state)) return
  for (const { sourceId, name } of plan.containers) {
    if (await source.containers.inspect(sourceId)) continue
    throw new RefusedError('source-gone', `The fenced copy of ${name} is no longer on ${source.name}.`, {
      suggestions: [
        `Keep the one on the target: wherry migration resume ${plan.id}`,
        `Or move it back: wherry migrate ${name} --from TARGET --to SOURCE`,
      ],
    })
  }
}
