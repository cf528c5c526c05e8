import { type ExitCode, exitCodes, messageOf, WherryError } from '../model/errors.ts'
import { dockerFor } from './checks/check.ts'
import type { Journal } from './journal.ts'
import { patiently } from './patience.ts'
import { type RolledBack, rollBack } from './rollback.ts'
import { type LeftOver, note, type Run, record, type Step } from './run.ts'

/**
 * Does the steps in order, from the one named `first` on, each journalled before and after. Before the commit point a failure undoes, newest first,
 * everything that was begun; after it the migration stands, and what is left over is the user's to see to.
 * @throws WherryError with exit code 4, 8 or 130 when rolled back, 5 when something could not be undone or finished, 6 when
 * another run has taken over.
 */
export async function execute(
  steps: readonly Step[],
  run: Run,
  journal: Journal,
  first = steps[0]?.name,
): Promise<void> {
  for (const step of steps.slice(steps.findIndex(({ name }) => name === first))) {
    try {
      // Once the target serves, clients may have been promised things: from there the way is forward.
      if (!run.state.committed && !step.commits) run.signal.throwIfAborted()
      await doStep(step, run, journal)
    } catch (error) {
      await note(run, journal, { type: 'failed', step: step.name, message: messageOf(error) })
      if (isLockLost(error)) throw error
      if (run.state.committed) throw await unfinished(run, journal, step, error)
      // A signal that came while things were put back is not why they were.
      const interrupted = run.signal.aborted
      throw rolledBack(run, step, error, interrupted, await rollBack(steps, run, journal, error))
    }
  }
}

async function doStep(step: Step, run: Run, journal: Journal): Promise<void> {
  const { committed } = run.state
  if (!committed) for (const lock of run.locks) await lock.assertHeld()
  // After the commit nothing depends on the journal: a full disk must not keep the work from its end.
  const write = committed ? note : record
  await write(run, journal, { type: 'intent', step: step.name })
  const data = await (committed ? patiently(run.report, () => step.do(run)) : step.do(run))
  await write(run, journal, { type: 'done', step: step.name, ...(data ? { data } : {}) })
  if (!step.commits) return
  await record(run, journal, { type: 'commit' })
  if (run.signal.aborted) tellTooLate(run)
}

/** Whoever interrupted was told that everything would be put back; the target had served by then. */
function tellTooLate({ plan, report }: Run): void {
  const names = plan.containers.map(({ name }) => name).join(', ')
  const message = `The signal came too late: ${names} serves on ${plan.target.engine}, and the move is committed. To take it back: wherry migration rollback ${plan.id}`
  report({ type: 'warning', code: 'interrupted-too-late', message })
}

function isLockLost(error: unknown): boolean {
  return error instanceof WherryError && error.code === 'lock-lost'
}

async function unfinished(run: Run, journal: Journal, step: Step, error: unknown): Promise<WherryError> {
  await note(run, journal, { type: 'end', status: 'needs-user' })
  const { plan } = run
  return new WherryError(
    'not-finished',
    exitCodes.needsUser,
    `The move is committed and the target runs, but "${step.name}" failed: ${messageOf(error)}`,
    {
      cause: error,
      suggestions: [`When both engines answer: wherry migration resume ${plan.id}`],
      data: { migration: plan.id, step: step.name },
    },
  )
}

function rolledBack(
  run: Run,
  step: Step,
  error: unknown,
  interrupted: boolean,
  { left, where }: RolledBack,
): WherryError {
  const code: ExitCode = interrupted
    ? exitCodes.interrupted
    : error instanceof WherryError && error.exitCode === exitCodes.notVerified
      ? exitCodes.notVerified
      : exitCodes.rolledBack
  const known = error instanceof WherryError ? error : undefined
  return new WherryError(
    interrupted ? 'interrupted' : (known?.code ?? 'rolled-back'),
    code,
    `${interrupted ? 'Interrupted.' : firstLine(error)} ${where}`,
    {
      cause: error,
      suggestions: [
        ...(interrupted ? [] : (known?.suggestions ?? [])),
        ...(left.length > 0 ? leftOver(run, left) : []),
        ...(run.unwritten ? [run.unwritten.message] : []),
      ],
      data: {
        ...known?.data,
        migration: run.plan.id,
        step: step.name,
        rolledBack: true,
        left: left.map((one) => one.step),
        leftBecause: left,
      },
    },
  )
}

function leftOver({ plan, target }: Run, left: readonly LeftOver[]): string[] {
  return [
    ...left.map(({ step, reason }) => `Not taken away ("${step}"): ${reason}`),
    `When that is mended, take it away: wherry migration rollback ${plan.id}`,
    `See what is there: ${dockerFor(target.name)} ps -a --filter label=wherry.migration=${plan.id}`,
  ]
}

/** The first line of an error's message, as a sentence. */
export function firstLine(error: unknown): string {
  const line = messageOf(error).split('\n')[0] ?? ''
  return /[.!?]$/.test(line) ? line : `${line}.`
}
