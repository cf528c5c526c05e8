import { dockerFor } from '../migrate/checks/check.ts'
import type { MigrationSummary } from '../migrate/recovery/summary.ts'
import type { BegunMove } from '../migrate/run.ts'
import { exitCodes, WherryError } from '../model/errors.ts'
import { asTyped, type Commands } from '../snapshot/hooks.ts'
import type { StandstillKind } from '../snapshot/still.ts'

/** What a command knows of its work when a signal comes. */
export interface Interruption {
  /** The migration that a second signal leaves as it is. */
  migration?: () => string | undefined
  /** What a second signal leaves otherwise, where it leaves something. */
  left?: () => WherryError | undefined
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

/** The error of a second signal while containers stand still for a snapshot; undefined where they go on by themselves. */
export function leftStandingStill(
  engine: string,
  names: readonly string[],
  how: StandstillKind | 'memory',
  after: Commands,
): WherryError | undefined {
  // A helper on the engine lets frozen ones go on, but not those that the engine has paused.
  const verb = { stop: 'start', memory: 'unpause', pause: undefined, hooks: undefined }[how]
  const starts = verb ? [`${dockerFor(engine)} ${verb} ${names.join(' ')}`] : []
  const commands = [...after].map(([name, command]) => asTyped(engine, name, command))
  const needed = [...starts, ...commands]
  if (needed.length === 0) return undefined
  return new WherryError(
    'left-still',
    exitCodes.needsUser,
    `${names.join(', ')} was left in the middle of standing still on ${engine}; there is no new snapshot.`,
    { suggestions: needed.map((command) => `Let it go on: ${command}`), data: { engine, containers: names } },
  )
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
