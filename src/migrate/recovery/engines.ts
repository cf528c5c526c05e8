import { absentEngine, connectEngine } from '../../engine/connect.ts'
import type { Engine } from '../../engine/engine.ts'
import { findLocks } from '../../launch/lock.ts'
import { EngineUnreachableError, RefusedError } from '../../model/errors.ts'
import { dockerFor } from '../checks/check.ts'
import { type JournalContent, listMigrations, readJournal } from '../journal.ts'
import { isComplete, stateOf } from '../state.ts'
import { contentOfLock, findByCopy } from './from-labels.ts'

/** The two engines of a migration. */
export interface Engines {
  source: Engine
  target: Engine
}

/** Under which names to reach the engines; those of the plan unless told. */
export interface EngineNames {
  from?: string | undefined
  to?: string | undefined
}

/** Connects to both engines of a migration, and closes them afterwards. @throws EngineUnreachableError (exit 7). */
export async function withEngines<T>(
  { plan }: JournalContent,
  { from = plan.source.engine, to = plan.target.engine }: EngineNames,
  action: (engines: Engines) => Promise<T>,
): Promise<T> {
  await using source = await connectEngine(from)
  await using target = await connectEngine(to)
  return await action({ source, target })
}

/**
 * The same for going on: it can do without the source once everything is on the target, where the user has made sure that
 * nothing runs on the source.
 */
export async function withEnginesForResume<T>(
  content: JournalContent,
  { from = content.plan.source.engine, to = content.plan.target.engine }: EngineNames,
  sourceIsDown: boolean,
  action: (engines: Engines) => Promise<T>,
): Promise<T> {
  const { plan, records } = content
  const state = stateOf(records)
  const canGoOn = isComplete(state) && !state.rollingBack
  await using source = await connectEngine(from).catch((error) => {
    if (!(error instanceof EngineUnreachableError) || !canGoOn) throw error
    if (sourceIsDown) return absentEngine(from, plan.source.id, error)
    throw withAdvice(
      error,
      plan.id,
      `If it is gone for good: everything is on the target. wherry migration resume ${plan.id} --source-is-down`,
    )
  })
  await using target = await connectEngine(to)
  return await action({ source, target })
}

function withAdvice(
  error: EngineUnreachableError,
  migration: string,
  advice: string,
): EngineUnreachableError {
  return new EngineUnreachableError(error.code, error.message, {
    suggestions: [...error.suggestions, advice],
    data: { ...error.data, migration },
    cause: error,
  })
}

/**
 * The same for a rollback: it can do without the target where no copy can run or have run there, or where the user has made
 * sure of that.
 */
export async function withEnginesForRollback<T>(
  { plan, records }: JournalContent,
  { from = plan.source.engine, to = plan.target.engine }: EngineNames,
  targetIsDown: boolean,
  action: (engines: Engines) => Promise<T>,
): Promise<T> {
  const { begun, carriedBack } = stateOf(records)
  await using source = plan.snapshot
    ? await absentEngine(from, plan.source.id, new Error('a snapshot is no engine'))
    : await connectEngine(from)
  await using target = await connectEngine(to).catch((error) => {
    if (!(error instanceof EngineUnreachableError)) throw error
    if (!begun.has('start') || carriedBack || targetIsDown) return absentEngine(to, plan.target.id, error)
    throw withAdvice(
      error,
      plan.id,
      `A copy may run or have run there. If it is gone for good, and what it wrote with it: wherry migration rollback ${plan.id} --target-is-down --discard`,
    )
  })
  return await action({ source, target })
}

/**
 * Finds a migration by its id, the beginning of one, or the name of a container: then the newest that moved it. One whose
 * journal is not here is found by its lock on the engine `from`, and when it is complete by its copy on the engine `to`.
 * @throws RefusedError `unknown-migration`.
 */
export async function findMigration(word: string, names: EngineNames = {}): Promise<JournalContent> {
  const ids = await listMigrations()
  const byId = ids.includes(word) ? [word] : ids.filter((id) => id.startsWith(word))
  if (byId.length > 1) {
    throw new RefusedError(
      'ambiguous-migration',
      `${byId.length} migrations begin with ${word}: ${byId.join(', ')}.`,
    )
  }
  const [id] = byId
  if (id) return (await readJournal(id)) ?? (await findOnEngines(id, names)) ?? unknown(id, names)
  // An engine that is named knows better what its container is in than old journals do.
  const isNamed = names.from !== undefined || names.to !== undefined
  const onEngine = isNamed ? await findOnEngines(word, names) : undefined
  return onEngine ?? (await newestOf(word, ids)) ?? (await findOnEngines(word, names)) ?? unknown(word, names)
}

async function newestOf(container: string, ids: readonly string[]): Promise<JournalContent | undefined> {
  for (const id of ids.toReversed()) {
    const content = await readJournal(id)
    if (content?.plan.containers.some(({ name }) => name === container)) return content
  }
  return undefined
}

/** A lock says that something is under way; without one, the copy on the target says what is complete. */
async function findOnEngines(word: string, { from, to }: EngineNames): Promise<JournalContent | undefined> {
  const byLock =
    to !== undefined && from === undefined
      ? undefined
      : await onEngine(from, (engine) => findByLock(engine, word))
  if (byLock || (from !== undefined && to === undefined)) return byLock
  return onEngine(to, (engine) => findByCopy(engine, word))
}

/** Looks at an engine. Without a name at the current one, if it answers. */
async function onEngine<T>(
  name: string | undefined,
  look: (engine: Engine) => Promise<T | undefined>,
): Promise<T | undefined> {
  await using engine = await connectEngine(name).catch((error) => {
    if (name !== undefined) throw error
    return absentEngine('default', '', error)
  })
  return engine.isAbsent ? undefined : await look(engine)
}

async function findByLock(engine: Engine, word: string): Promise<JournalContent | undefined> {
  const lock = (await findLocks(engine)).find(
    ({ migration, container }) => migration === word || container.name === word,
  )
  return lock && ((await readJournal(lock.migration)) ?? contentOfLock(lock))
}

function unknown(word: string, { from = 'SOURCE' }: EngineNames): never {
  throw new RefusedError('unknown-migration', `No migration "${word}" is known here.`, {
    suggestions: [
      'See what there is: wherry migration list',
      'Where its journal is gone, name both engines: --from ENGINE that the container was on, --to ENGINE that it went to',
      'To find its pieces on them: wherry migration list ENGINE ENGINE',
      `Where they know nothing of it, the copy that stayed is an ordinary stopped container. When it runs nowhere else: ${dockerFor(from)} start NAME`,
    ],
    data: { migration: word },
  })
}
