import { findLock, lockedError } from '../../launch/lock.ts'
import { RefusedError } from '../../model/errors.ts'
import { migrationLabel } from '../../model/plan.ts'
import { targetCopies } from '../carry-back.ts'
import { dockerFor } from '../checks/check.ts'
import { findForwarding } from '../forwarding.ts'
import { type JournalContent, listMigrations, readJournal } from '../journal.ts'
import type { Run } from '../run.ts'
import { stateOf } from '../state.ts'

/**
 * Makes sure that no later migration took the containers further: what is on the engines of this one is then old, and would be
 * a second writer beside the newest copy.
 * @throws RefusedError `moved-on`; WherryError `locked` when another run works on the target's copy.
 */
export async function assertNotMovedOn(run: Run, content: JournalContent): Promise<void> {
  const { plan, target } = run
  const copies = target.isAbsent ? [] : await targetCopies(run)
  for (const { Id } of copies) {
    const lock = await findLock(target, Id)
    if (lock && lock.migration !== plan.id) throw lockedError(target, lock)
  }
  const ids = [...copies.map(({ Id }) => Id), ...recordedCopies(content)]
  const later = await laterMigration(content, ids)
  if (!later) return assertNoForwarding(run, ids)
  const { plan: next } = later
  const names = next.containers.map(({ name }) => name).join(', ')
  const isFinished = stateOf(later.records).status === 'finished'
  throw new RefusedError(
    'moved-on',
    `${names} was moved on from ${next.source.engine} to ${next.target.engine} by migration ${next.id}: what migration ${plan.id} left is older.`,
    {
      suggestions: [
        isFinished
          ? `Move it from there: wherry migrate ${names} --from ${next.target.engine} --to ${plan.source.engine}`
          : `Take that one back first: wherry migration rollback ${next.id}`,
      ],
      data: { migration: plan.id, later: next.id },
    },
  )
}

/** The same by what the target knows: the later migration may have been made from another machine. */
async function assertNoForwarding({ plan, target }: Run, ids: readonly string[]): Promise<void> {
  const forwarding = target.isAbsent ? undefined : await findForwarding(target, ids)
  if (!forwarding || forwarding.migration === plan.id) return
  const { migration, engine, volume } = forwarding
  const names = plan.containers.map(({ name }) => name).join(', ')
  throw new RefusedError(
    'moved-on',
    `${names} was moved on from ${target.name} to ${engine} by migration ${migration}, from another machine: what migration ${plan.id} left is older.`,
    {
      suggestions: [
        `Take that one back first: wherry migration rollback ${migration} --from ${target.name} --to ${engine}`,
        `Or move it from there: wherry migrate ${names} --from ${engine} --to ${plan.source.engine}`,
        `Only if you are sure that no copy is left on ${engine}, forget it: ${dockerFor(target.name)} volume rm ${volume}`,
      ],
      data: { migration: plan.id, later: migration },
    },
  )
}

/**
 * Makes sure that under a copy's name nothing else runs on the target: somebody may have made the copy anew.
 * @throws RefusedError `copy-replaced`
 */
export async function assertNotReplaced({ plan, target, state }: Run): Promise<void> {
  if (target.isAbsent || !state.begun.has('start')) return
  for (const { name } of plan.containers) {
    const now = await target.containers.inspect(name)
    if (!now?.State.Running || now.Config.Labels?.[migrationLabel] === plan.id) continue
    throw new RefusedError(
      'copy-replaced',
      `The ${name} that runs on ${target.name} is not the copy that migration ${plan.id} made: somebody made it anew.`,
      {
        suggestions: [
          `If it has the data that you want: wherry migrate ${name} --from ${target.name}, to an engine without the fenced copy`,
          'If not, stop and remove it there, and try again.',
        ],
        data: { migration: plan.id, container: name, engine: target.name },
      },
    )
  }
}

/** The ids that the journal says the copies had. */
function recordedCopies({ records }: JournalContent): string[] {
  const made = records.filter((record) => record.type === 'done' && record.step === 'containers')
  return made.flatMap((record) =>
    record.type === 'done' ? Object.values((record.data?.ids ?? {}) as Record<string, string>) : [],
  )
}

async function laterMigration(
  { plan }: JournalContent,
  copies: readonly string[],
): Promise<JournalContent | undefined> {
  const ours = new Set([...copies, ...plan.containers.map(({ sourceId }) => sourceId)])
  for (const id of await listMigrations()) {
    const content = id === plan.id ? undefined : await readJournal(id)
    if (!content || content.plan.createdAt <= plan.createdAt) continue
    if (!content.plan.containers.some(({ sourceId }) => ours.has(sourceId))) continue
    const { committed, status, begun } = stateOf(content.records)
    if (status !== 'rolled-back' && (committed || begun.has('fence'))) return content
  }
  return undefined
}
