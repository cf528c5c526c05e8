import type { MigrationSummary } from '../migrate/recovery/summary.ts'
import type { BegunMove } from '../migrate/run.ts'
import { exitCodes, WherryError } from '../model/errors.ts'

/** What a command knows of its work when a signal comes. */
export interface Interruption {
  /** The migration that a second signal leaves as it is. */
  migration?: () => string | undefined
  /** What the first signal brings about, in whole sentences. */
  whatFollows?: () => string
}

/** What the first signal brings about while a container is moved: before the commit the way is back, after it forward. */
export function whatFollowsInMove(begun: BegunMove | undefined): string {
  if (!begun) return 'stopping; nothing has been changed yet.'
  const { plan, state } = begun
  if (!state.committed) return 'stopping and putting everything back. Once more leaves it as it is.'
  const names = plan.containers.map(({ name }) => name).join(', ')
  return `the move is committed: ${names} stays on ${plan.target.engine}, and nothing is put back. The clean-up goes on to its end; once more leaves it for later: wherry migration resume ${plan.id}`
}

/** The error of a second signal (exit 5): where the migration was left, and what can follow. */
export function leftUnfinished(
  signal: NodeJS.Signals,
  { id, containers, source, target, step, next, committed }: MigrationSummary,
): WherryError {
  // Where it runs now depends on which way the work went; what can follow is right in any case.
  const mark = committed ? ', which is committed,' : ''
  const what = `migration ${id} of ${containers.join(', ')} from ${source} to ${target}${mark} was left as it is, at "${step}".`
  return new WherryError('left-unfinished', exitCodes.needsUser, `${signal} again: ${what}`, {
    suggestions: next,
    data: { migration: id, step },
  })
}

/** The same where there is no journal to read: the engine's lock tells the rest. */
export function leftWithoutJournal(signal: NodeJS.Signals, id: string): WherryError {
  return new WherryError(
    'left-unfinished',
    exitCodes.needsUser,
    `${signal} again: migration ${id} was left as it is. Its journal cannot be read.`,
    {
      suggestions: [
        'See what is where: wherry migration list SOURCE TARGET',
        `Put the source back: wherry migration rollback ${id} --from SOURCE`,
      ],
      data: { migration: id },
    },
  )
}
