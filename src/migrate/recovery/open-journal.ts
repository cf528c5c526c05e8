import { Journal, type JournalContent, readJournal } from '../journal.ts'

/** Opens a migration's journal to go on with it; one that was found by its lock gets a journal here. */
export async function openJournal({ plan, records }: JournalContent, command: string): Promise<Journal> {
  if (await readJournal(plan.id)) return Journal.reopen(plan.id, command)
  const journal = await Journal.replace(plan, command)
  for (const { at: _, ...record } of records) await journal.append(record)
  return journal
}

/**
 * The same for a rollback: on a disk that is full the container must be able to come back too. What was begun is known from the
 * engines, and the lock there holds the plan for whoever has to repeat it.
 */
export async function openJournalOrNone(content: JournalContent, command: string): Promise<Journal> {
  return openJournal(content, command).catch((error) => Journal.unwritable(error))
}
