import { type ExitCode, exitCodes, messageOf, WherryError } from '../model/errors.ts'
import { dockerFor } from './checks/check.ts'
import type { Journal, NewRecord } from './journal.ts'
import type { Run, Step } from './run.ts'

/**
 * Does the steps in order, each journalled before and after. Before the commit point a failure undoes, newest first,
 * everything that was begun; after it the migration stands, and what is left over is the user's to see to.
 * @throws WherryError with exit code 4, 8 or 130 when rolled back, 5 when something could not be undone or finished.
 */
export async function execute(steps: readonly Step[], run: Run, journal: Journal): Promise<void> {
  const begun: Step[] = []
  let committed = false
  for (const step of steps) {
    try {
      // Once the target serves, clients may have been promised things: from there the way is forward.
      if (!committed && !step.commits) run.signal.throwIfAborted()
      await journal.append({ type: 'intent', step: step.name })
      begun.push(step)
      const data = await step.do(run)
      await journal.append({ type: 'done', step: step.name, ...(data ? { data } : {}) })
      if (step.commits) {
        await journal.append({ type: 'commit' })
        committed = true
      }
    } catch (error) {
      await note(journal, { type: 'failed', step: step.name, message: messageOf(error) })
      if (committed) throw await unfinished(run, journal, step, error)
      await rollBack(begun, run, journal, error)
      throw rolledBack(run, step, error)
    }
  }
  await note(journal, { type: 'end', status: 'completed' })
}

/** Writes a record where it can be written. A journal that cannot must not keep the source from being put back. */
async function note(journal: Journal, record: NewRecord): Promise<void> {
  await journal.append(record).catch(() => {})
}

async function rollBack(begun: readonly Step[], run: Run, journal: Journal, cause: unknown): Promise<void> {
  run.report({ type: 'phase', phase: 'rollback', message: `rolling back: ${firstLine(cause)}` })
  for (const step of begun.toReversed()) {
    if (!step.undo) continue
    try {
      await note(journal, { type: 'undo-intent', step: step.name })
      await step.undo(run)
      await note(journal, { type: 'undone', step: step.name })
    } catch (error) {
      // Going on could start the source while the target still runs: stop here.
      await note(journal, { type: 'end', status: 'needs-user' })
      throw new WherryError(
        'rollback-failed',
        exitCodes.needsUser,
        `${firstLine(cause)} Rolling back stopped at "${step.name}": ${messageOf(error)}`,
        {
          cause: error,
          suggestions: whatToLookAt(run),
          data: { migration: run.plan.id, step: step.name, reason: messageOf(cause) },
        },
      )
    }
  }
  await note(journal, { type: 'end', status: 'rolled-back' })
}

async function unfinished(run: Run, journal: Journal, step: Step, error: unknown): Promise<WherryError> {
  await note(journal, { type: 'end', status: 'needs-user' })
  return new WherryError(
    'not-finished',
    exitCodes.needsUser,
    `The move is committed and the target runs, but "${step.name}" failed: ${messageOf(error)}`,
    { cause: error, suggestions: whatToLookAt(run), data: { migration: run.plan.id, step: step.name } },
  )
}

function rolledBack(run: Run, step: Step, error: unknown): WherryError {
  const interrupted = run.signal.aborted
  const code: ExitCode = interrupted
    ? exitCodes.interrupted
    : error instanceof WherryError && error.exitCode === exitCodes.notVerified
      ? exitCodes.notVerified
      : exitCodes.rolledBack
  const names = run.plan.containers.map(({ name }) => name).join(', ')
  const message = interrupted
    ? `Interrupted. Everything is back as it was: ${names} on ${run.source.name}.`
    : `${firstLine(error)} Everything is back as it was: ${names} on ${run.source.name}.`
  const known = error instanceof WherryError ? error : undefined
  return new WherryError(interrupted ? 'interrupted' : (known?.code ?? 'rolled-back'), code, message, {
    cause: error,
    suggestions: interrupted ? [] : (known?.suggestions ?? []),
    data: { ...known?.data, migration: run.plan.id, step: step.name, rolledBack: true },
  })
}

function whatToLookAt({ plan, source, target }: Run): string[] {
  return [
    `See what is there: ${dockerFor(target.name)} ps -a --filter label=wherry.migration=${plan.id}`,
    `The source: ${dockerFor(source.name)} ps -a`,
    'Never start a container on one engine before you have made sure that it does not run on the other.',
  ]
}

function firstLine(error: unknown): string {
  const line = messageOf(error).split('\n')[0] ?? ''
  return /[.!?]$/.test(line) ? line : `${line}.`
}
