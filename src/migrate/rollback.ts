import type { ContainerDocument } from '../model/documents.ts'
import { EngineUnreachableError, exitCodes, messageOf, WherryError } from '../model/errors.ts'
import { carryBack } from './carry-back.ts'
import { dockerFor } from './checks/check.ts'
import type { Journal } from './journal.ts'
import { patiently } from './patience.ts'
import { type LeftOver, note, type Run, type Step } from './run.ts'
import { isComplete } from './state.ts'

/** How a rollback came out. */
export interface RolledBack {
  left: LeftOver[]
  /** One sentence: where the containers are now, by looking. */
  where: string
}

/**
 * Puts the source back: undoes, newest first, every step that was begun. Where a target copy has run, what it wrote is
 * carried back before. An engine that does not answer is waited for. What nothing depends on and cannot be undone is named in
 * `left`, and the source still comes back.
 * @throws WherryError `rollback-failed` (exit 5) when the source could not be put back, or may not be.
 */
export async function rollBack(
  steps: readonly Step[],
  run: Run,
  journal: Journal,
  cause: unknown,
): Promise<RolledBack> {
  const why = cause === undefined ? 'as asked' : (messageOf(cause).split('\n')[0] ?? '')
  run.report({ type: 'phase', phase: 'rollback', message: `rolling back: ${why}` })
  await vital(run, journal, 'lock', cause, async () => {
    for (const lock of run.locks) await lock.assertHeld()
  })
  await vital(run, journal, 'source', cause, () => assertSomethingToGoBackTo(run))
  if (run.state.begun.has('start')) {
    await vital(run, journal, 'carry-back', cause, () => carryBack(run, journal))
  }
  const left = await undoAll(steps, run, journal, cause)
  run.left = left
  const where = await whereNow(run)
  const names = left.map(({ step }) => step)
  await note(run, journal, {
    type: 'end',
    status: 'rolled-back',
    ...(left.length > 0 ? { left: names } : {}),
  })
  return { left, where }
}

/** Undoes every step that was begun, newest first; gives those that could not be undone and that nothing depends on. */
async function undoAll(
  steps: readonly Step[],
  run: Run,
  journal: Journal,
  cause: unknown,
): Promise<LeftOver[]> {
  const left: LeftOver[] = []
  for (const step of steps.toReversed()) {
    const { undo, name } = step
    if (!undo || !run.state.begun.has(name)) continue
    await note(run, journal, { type: 'undo-intent', step: name })
    const undoing = () => undo.call(step, run)
    const leftOver = step.isVital
      ? await vital(run, journal, name, cause, undoing)
      : await tryUndo(run, journal, name, undoing)
    if (leftOver) left.push(leftOver)
    else await note(run, journal, { type: 'undone', step: name })
  }
  return left
}

/** Undoes what nothing depends on. One engine's long absence is waited for once, not for every step. */
async function tryUndo(
  run: Run,
  journal: Journal,
  step: string,
  undo: () => Promise<void>,
): Promise<LeftOver | undefined> {
  try {
    await patiently(run.report, undo, run.gaveUpWaiting ? 0 : undefined)
    return undefined
  } catch (error) {
    if (error instanceof EngineUnreachableError) run.gaveUpWaiting = true
    const reason = messageOf(error)
    run.report({ type: 'warning', code: 'left-over', message: `"${step}" could not be undone: ${reason}` })
    await note(run, journal, { type: 'failed', step, message: reason })
    return { step, reason }
  }
}

/** Does what a rollback cannot go on without. */
async function vital(
  run: Run,
  journal: Journal,
  step: string,
  cause: unknown,
  action: () => Promise<void>,
): Promise<undefined> {
  try {
    await patiently(run.report, action)
    return undefined
  } catch (error) {
    // Then another run has the migration, and its journal.
    if (error instanceof WherryError && error.code === 'lock-lost') throw error
    await note(run, journal, { type: 'end', status: 'needs-user' })
    if (error instanceof WherryError && error.exitCode === exitCodes.needsUser) throw error
    const before = cause === undefined ? '' : `${messageOf(cause).split('\n')[0]} `
    throw new WherryError(
      'rollback-failed',
      exitCodes.needsUser,
      `${before}Rolling back stopped at "${step}": ${messageOf(error)}`,
      {
        cause: error,
        suggestions: whatToDo(run),
        data: { migration: run.plan.id, step, ...(cause === undefined ? {} : { reason: messageOf(cause) }) },
      },
    )
  }
}

function whatToDo({ plan, source, target, state }: Run): string[] {
  return [
    `When both engines answer, put the source back: wherry migration rollback ${plan.id}`,
    ...(state.rollingBack ? [] : [`Or go on with the move: wherry migration resume ${plan.id}`]),
    `See what is there: ${dockerFor(source.name)} ps -a; ${dockerFor(target.name)} ps -a --filter label=wherry.migration=${plan.id}`,
    'Never start a container by hand on one engine before you have made sure that it does not run on the other.',
  ]
}

/** The names of containers that are no longer on the source. */
export async function goneFromSource({ plan, source }: Run): Promise<string[]> {
  const gone: string[] = []
  for (const { sourceId, name } of plan.containers)
    if (!(await source.containers.inspect(sourceId))) gone.push(name)
  return gone
}

/** Where everything has arrived on the target and somebody removed the source, the target's is the only copy. */
async function assertSomethingToGoBackTo(run: Run): Promise<void> {
  const { plan, source, target, state } = run
  if (state.rollingBack || !state.begun.has('rest') || !isComplete(state)) return
  const gone = await goneFromSource(run)
  if (gone.length === 0) return
  throw new WherryError(
    'source-gone',
    exitCodes.needsUser,
    `${gone.join(', ')} is no longer on ${source.name}: somebody removed it. What ${target.name} has stays.`,
    {
      suggestions: [`Go on with the move: wherry migration resume ${plan.id}`],
      data: { migration: plan.id, gone },
    },
  )
}

async function whereNow({ plan, source, target, left }: Run): Promise<string> {
  if (plan.snapshot) {
    const names = plan.containers.map(({ name }) => name).join(', ')
    return left.length === 0
      ? `Nothing of ${names} is left on ${target.name}.`
      : `Not everything that was restored of ${names} could be taken off ${target.name}.`
  }
  const gone: string[] = []
  const stopped: string[] = []
  for (const { sourceId, name, wasRunning } of plan.containers) {
    let now: ContainerDocument | undefined
    try {
      now = await source.containers.inspect(sourceId)
    } catch (error) {
      return `Everything was put back, but ${source.name} could not be asked how ${name} is now: ${messageOf(error)}`
    }
    if (!now) gone.push(name)
    else if (wasRunning && !now.State.Running) stopped.push(name)
  }
  if (gone.length > 0) return `${gone.join(', ')} is no longer on ${source.name}: somebody removed it.`
  if (stopped.length > 0) return `${stopped.join(', ')} does not run on ${source.name}: somebody stopped it.`
  const names = plan.containers.map(({ name }) => name).join(', ')
  if (left.length > 0)
    return `Back on ${source.name} as it was: ${names}. Not everything that was made for the move could be taken away.`
  return `Everything is back as it was: ${names} on ${source.name}.`
}
