import { type FileHandle, mkdir, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plan } from '../model/plan.ts'
import { stateDirectory } from '../platform/directories.ts'
import { readJson, syncDirectory, writeFileAtomically } from '../platform/files.ts'

/** One line of a journal. `at` is an ISO time. */
export type JournalRecord = { at: string } & (
  | { type: 'intent' | 'undo-intent' | 'undone'; step: string }
  | { type: 'done'; step: string; data?: Record<string, unknown> }
  | { type: 'failed'; step: string; message: string }
  /** The point of no return: from here on the container belongs to the target. */
  | { type: 'commit' }
  | { type: 'end'; status: 'completed' | 'rolled-back' | 'needs-user' }
)

/** A record before it is given its time. */
export type NewRecord = JournalRecord extends infer Each
  ? Each extends { at: string }
    ? Omit<Each, 'at'>
    : never
  : never

/** Where the journals of all migrations are, one directory each. */
export function migrationsDirectory(): string {
  return join(stateDirectory(), 'migrations')
}

/**
 * The durable record of one migration: `plan.json` and `journal.jsonl`, appended to only. A record is on the disk when
 * `append` returns: what it speaks of happens after that.
 */
export class Journal {
  readonly #file: FileHandle

  private constructor(file: FileHandle) {
    this.#file = file
  }

  static async create(plan: Plan): Promise<Journal> {
    const directory = join(migrationsDirectory(), plan.id)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await writeFileAtomically(join(directory, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`)
    const file = await open(join(directory, 'journal.jsonl'), 'ax', 0o600)
    await syncDirectory(directory)
    await syncDirectory(migrationsDirectory())
    return new Journal(file)
  }

  async append(record: NewRecord): Promise<void> {
    await this.#file.appendFile(`${JSON.stringify({ at: new Date().toISOString(), ...record })}\n`)
    await this.#file.datasync()
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

/** Reads a migration back. A last line that was cut off is left out: what it speaks of had not begun. */
export async function readJournal(id: string): Promise<{ plan: Plan; records: JournalRecord[] } | undefined> {
  const directory = join(migrationsDirectory(), id)
  const plan = await readJson<Plan>(join(directory, 'plan.json'))
  if (!plan) return undefined
  const text = await readFile(join(directory, 'journal.jsonl'), 'utf8').catch(() => '')
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return { plan, records: lines.filter(Boolean).map((line) => JSON.parse(line) as JournalRecord) }
}

/** The ids of all migrations that have a journal, oldest first. */
export async function listMigrations(): Promise<string[]> {
  return (await readdir(migrationsDirectory()).catch(() => [])).sort()
}
