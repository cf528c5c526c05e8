import { type FileHandle, mkdir, open, readdir, readFile, rename, truncate } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { messageOf, RefusedError, WherryError } from '../model/errors.ts'
import { type Plan, planVersion } from '../model/plan.ts'
import { stateDirectory } from '../platform/directories.ts'
import { syncDirectory } from '../platform/files.ts'

/** One line of a journal. `at` is an ISO time. The format is described in docs/design/journal.md. */
export type JournalRecord = { at: string } & (
  | { type: 'plan'; plan: Plan }
  /** A process begins to work on the migration. */
  | { type: 'process'; command: string; pid: number; host: string }
  | { type: 'intent' | 'undo-intent' | 'undone'; step: string }
  | { type: 'done'; step: string; data?: Record<string, unknown> }
  | { type: 'failed'; step: string; message: string }
  /** The point of no return: from here on the container belongs to the target. */
  | { type: 'commit' }
  /** `left` names the steps that could not be undone. */
  | { type: 'end'; status: 'completed' | 'rolled-back' | 'needs-user' | 'finished'; left?: string[] }
)

/** A record before it is given its time. */
export type NewRecord = JournalRecord extends infer Each
  ? Each extends { at: string }
    ? Omit<Each, 'at'>
    : never
  : never

/** What a journal says: its records up to the first that is not whole. */
export interface JournalContent {
  plan: Plan
  records: JournalRecord[]
}

/** Where the journals of all migrations are, one directory each. */
export function migrationsDirectory(): string {
  return join(stateDirectory(), 'migrations')
}

/**
 * The durable record of one migration: `journal.jsonl`, appended to only, the plan first. A record is on the disk when
 * `append` returns: what it speaks of happens after that.
 */
export class Journal {
  readonly #file: FileHandle | undefined
  /** Why nothing can be written, where there is no file. */
  readonly #reason: unknown

  private constructor(file: FileHandle | undefined, reason?: unknown) {
    this.#file = file
    this.#reason = reason
  }

  /** Stands in for a journal that could not be opened: every record fails for that reason. */
  static unwritable(reason: unknown): Journal {
    return new Journal(undefined, reason)
  }

  /** Begins a journal. @throws with code EEXIST where the migration has one. */
  static async create(plan: Plan, command = 'migrate'): Promise<Journal> {
    const directory = join(migrationsDirectory(), plan.id)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const journal = new Journal(await open(join(directory, 'journal.jsonl'), 'ax', 0o600))
    return closedOnFailure(journal, async () => {
      await journal.append({ type: 'plan', plan })
      await syncDirectory(directory)
      await syncDirectory(migrationsDirectory())
      await journal.#begin(command)
    })
  }

  /** Begins a journal anew for a migration whose journal is gone or unreadable; what there was of it is kept beside it. */
  static async replace(plan: Plan, command: string): Promise<Journal> {
    const path = join(migrationsDirectory(), plan.id, 'journal.jsonl')
    // Mostly there is none: what is wrong with the place itself shows when the new one is made.
    await rename(path, `${path}.damaged-${Date.now()}`).catch(() => {})
    return Journal.create(plan, command)
  }

  /** Goes on with a journal. What a power cut left of a last record is taken off first. */
  static async reopen(id: string, command: string): Promise<Journal> {
    const path = join(migrationsDirectory(), id, 'journal.jsonl')
    const { wholeBytes } = parse(await readFile(path))
    await truncate(path, wholeBytes)
    const journal = new Journal(await open(path, 'a'))
    return closedOnFailure(journal, () => journal.#begin(command))
  }

  async append(record: NewRecord): Promise<void> {
    const file = this.#file
    if (!file) throw this.#reason
    const { size } = await file.stat()
    try {
      await file.appendFile(`${JSON.stringify({ at: new Date().toISOString(), ...record })}\n`)
      await file.datasync()
    } catch (error) {
      // Half a record would hide all that follow it.
      // If that fails too, reading ends at the half record, and the engines are looked at.
      await file.truncate(size).catch(() => {})
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }

  #begin(command: string): Promise<void> {
    return this.append({ type: 'process', command, pid: process.pid, host: hostname() })
  }
}

/** Gives a journal when its first records are written, and closes it when they cannot be. */
async function closedOnFailure(journal: Journal, write: () => Promise<void>): Promise<Journal> {
  try {
    await write()
    return journal
  } catch (error) {
    // Why it could not be written says more.
    await journal.close().catch(() => {})
    throw error
  }
}

/**
 * The error of a journal that cannot be written, with the way out: it need not be where it is, because the engine's own
 * records hold the plan.
 */
export function journalUnwritable(
  error: unknown,
  { id, source, target }: Plan,
  command: string,
): WherryError {
  if (error instanceof WherryError) return error
  const elsewhere =
    command === 'migrate'
      ? 'wherry migrate …'
      : `wherry migration ${command} ${id} --from ${source.engine} --to ${target.engine}`
  return new RefusedError(
    'journal-not-writable',
    `The journal of migration ${id} cannot be written in ${migrationsDirectory()}: ${messageOf(error)}`,
    {
      suggestions: [
        'Make room there, or make it writable, and try again.',
        `Or keep it elsewhere: WHERRY_STATE_DIR=DIRECTORY ${elsewhere}`,
      ],
      data: { migration: id, directory: migrationsDirectory() },
      cause: error,
    },
  )
}

/** Reads a migration back. Undefined where there is no journal, or none that holds its plan: then nothing had begun. */
export async function readJournal(id: string): Promise<JournalContent | undefined> {
  // One that cannot be read is as good as gone: the lock on the engine holds the plan.
  const content = await readFile(join(migrationsDirectory(), id, 'journal.jsonl')).catch(() => undefined)
  return content && parseJournal(content)
}

/** The ids of all migrations that have a journal, oldest first. */
export async function listMigrations(): Promise<string[]> {
  return (await readdir(migrationsDirectory()).catch(() => [])).sort()
}

/**
 * The content of a journal, whatever a crash left of it: the records up to the first that is cut off or damaged. What a
 * lost record spoke of had not begun, or is found on the engines.
 */
export function parseJournal(content: Buffer): JournalContent | undefined {
  const [first, ...records] = parse(content).records
  if (first?.type !== 'plan' || first.plan.version !== planVersion) return undefined
  return { plan: first.plan, records }
}

function parse(content: Buffer): { records: JournalRecord[]; wholeBytes: number } {
  const records: JournalRecord[] = []
  let wholeBytes = 0
  for (let end = content.indexOf(10); end >= 0; end = content.indexOf(10, end + 1)) {
    try {
      records.push(JSON.parse(content.toString('utf8', wholeBytes, end)))
    } catch {
      break
    }
    wholeBytes = end + 1
  }
  return { records, wholeBytes }
}
