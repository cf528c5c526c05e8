import type { Engine } from '../../engine/engine.ts'
import type { FoundLock } from '../../launch/lock.ts'
import { RefusedError } from '../../model/errors.ts'
import { migrationLabel, type Plan, roleLabel } from '../../model/plan.ts'
import { dockerFor } from '../checks/check.ts'
import { type JournalContent, type JournalRecord, type NewRecord, readJournal } from '../journal.ts'
import { planIn, wayBackIn } from '../plan-label.ts'
import { stepsOf } from '../procedure.ts'

/** What a lock tells when the journal is gone: the plan. Every step may have been begun; the engines show which. */
export function contentOfLock({ labels }: FoundLock): JournalContent | undefined {
  const plan = planIn(labels)
  return plan && { plan, records: everyStepOf(plan) }
}

/** What a copy on the target tells when there is neither a journal nor a lock: the way back from a complete migration. */
export function contentOfCopy(labels: Readonly<Record<string, string>>): JournalContent | undefined {
  const plan = wayBackIn(labels)
  if (!plan) return undefined
  const end: NewRecord[] = [{ type: 'commit' }, { type: 'end', status: 'completed' }]
  return { plan, records: [...everyStepOf(plan), ...end.map(dated)] }
}

/**
 * Finds a complete migration by its copy on the target: by the migration's id or the copy's name. Where there is a journal
 * after all, that says more.
 * @throws RefusedError `no-way-back` for a copy that does not tell the way, with what to do by hand.
 */
export async function findByCopy(target: Engine, word: string): Promise<JournalContent | undefined> {
  const copies = await target.containers.list({ labels: [`${roleLabel}=target`] })
  const copy = copies.find(
    ({ Names, Labels }) => Labels[migrationLabel] === word || Names.includes(`/${word}`),
  )
  if (!copy) return undefined
  const journal = await readJournal(copy.Labels[migrationLabel] ?? '')
  return journal ?? contentOfCopy(copy.Labels) ?? noWayBack(target.name, copy.Names[0]?.slice(1) ?? copy.Id)
}

function noWayBack(target: string, name: string): never {
  throw new RefusedError(
    'no-way-back',
    `${name} on ${target} was moved there, but its labels do not tell from where, and there is neither a journal nor a lock.`,
    {
      suggestions: [
        'Where the journal is on another machine or in another directory, use that one: WHERRY_STATE_DIR=DIRECTORY',
        `To go back by hand, and lose what it wrote on ${target}: ${dockerFor(target)} stop ${name}; then, with SOURCE for the engine that it came from: ${dockerFor('SOURCE')} start ${name}`,
        `To keep it on ${target}: remove the copy on the source when it does not run there: ${dockerFor('SOURCE')} rm ${name}`,
      ],
      data: { container: name, engine: target },
    },
  )
}

function everyStepOf(plan: Plan): JournalRecord[] {
  return stepsOf(plan).map(({ name }) => dated({ type: 'intent', step: name }))
}

function dated(record: NewRecord): JournalRecord {
  return { at: new Date().toISOString(), ...record }
}
