import { connectEngine } from '../../engine/connect.ts'
import type { Engine } from '../../engine/engine.ts'
import { type FoundLock, findLocks } from '../../launch/lock.ts'
import { messageOf } from '../../model/errors.ts'
import type { Plan } from '../../model/plan.ts'
import type { Report } from '../../model/progress.ts'
import { everStarted, targetCopies } from '../carry-back.ts'
import { readJournal } from '../journal.ts'
import { planIn } from '../plan-label.ts'
import { newRun } from '../run.ts'
import { contentOfLock } from './from-labels.ts'
import { findPieces, type Piece } from './pieces.ts'
import { rollBackMigration } from './rollback.ts'
import { summaryOf } from './summary.ts'

/** What a migration that nobody works on left on engines. */
export interface Leftover {
  migration: string
  pieces: Piece[]
  /** `remove`: helpers that ended. `roll-back`: a migration that ended half-way, whose copy never ran. */
  fix?: 'remove' | 'roll-back'
  /** What it is, and where there is no fix here, what to do. */
  message: string
}

/**
 * Finds what no running migration needs: helpers that have ended, and what migrations that ended half-way made. What a complete
 * migration left, its fenced copy and the moved container, is no leftover. Nothing is changed.
 */
export async function findLeftovers(engines: readonly Engine[], report: Report): Promise<Leftover[]> {
  const found = await Promise.all(engines.map(findPieces))
  const held = new Set(found.flatMap((one) => [...one.held]))
  const locks = (await Promise.all(engines.map((engine) => findLocks(engine)))).flatMap((list, index) =>
    list.map((lock) => ({ lock, source: engines[index] as Engine })),
  )
  const pieces = found.flatMap((one) => one.pieces).filter(({ migration }) => !held.has(migration))
  const leftovers: Leftover[] = []
  for (const id of [...new Set(pieces.map(({ migration }) => migration))].sort()) {
    const ours = pieces.filter(({ migration }) => migration === id)
    const ofThis = locks.filter(({ lock }) => lock.migration === id)
    // A rollback locks the target's copies too; only the source's lock holds the plan.
    const owner = ofThis.find(({ lock }) => planIn(lock.labels)) ?? ofThis[0]
    if (owner) leftovers.push(await halfWay(id, ours, owner.lock, owner.source, engines, report))
    else leftovers.push(...(await withoutLock(id, ours)), ...endedHelpers(id, ours))
  }
  return leftovers
}

/** Removes a leftover, or rolls its migration back, as its `fix` says. */
export async function fixLeftover(
  { fix, migration, pieces }: Leftover,
  engines: readonly Engine[],
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  if (fix === 'remove') {
    for (const { engine, id } of pieces) {
      await engines.find(({ name }) => name === engine)?.containers.removeStopped(id)
    }
  }
  if (fix !== 'roll-back') return
  for (const source of engines) {
    const lock = (await findLocks(source, migration))[0]
    const content = (await readJournal(migration)) ?? (lock && contentOfLock(lock))
    if (!lock || !content || source.info.ID !== content.plan.source.id) continue
    await using target = await targetOf(content.plan, engines)
    await rollBackMigration({ content, source, target, targetIsDown: false, discard: false, report, signal })
  }
}

async function halfWay(
  migration: string,
  pieces: Piece[],
  lock: FoundLock,
  source: Engine,
  engines: readonly Engine[],
  report: Report,
): Promise<Leftover> {
  const what = `migration ${migration} of ${lock.container.name} ended half-way`
  const byHand = `wherry migration resume ${migration}, or wherry migration rollback ${migration} --from ${source.name}`
  const plan = planIn(lock.labels)
  if (!plan) return { migration, pieces, message: `${what}: ${byHand}` }
  try {
    await using target = await targetOf(plan, engines)
    const run = newRun({ plan, source, target, report, signal: new AbortController().signal, locks: [] })
    const hasRun = (await targetCopies(run)).some(everStarted)
    if (!hasRun) return { migration, pieces, fix: 'roll-back', message: `${what}; its copy never ran` }
    return { migration, pieces, message: `${what}, and its copy has run on ${target.name}: ${byHand}` }
  } catch (error) {
    return { migration, pieces, message: `${what} (${messageOf(error)}): ${byHand}` }
  }
}

/** One that ended half-way, whose lock somebody removed or is on another engine, is known from its journal. */
async function withoutLock(migration: string, pieces: Piece[]): Promise<Leftover[]> {
  const content = await readJournal(migration)
  if (!content || summaryOf(content).status !== 'interrupted') return []
  const names = content.plan.containers.map(({ name }) => name).join(', ')
  const byHand = `wherry migration resume ${migration}, or wherry migration rollback ${migration}`
  return [{ migration, pieces, message: `migration ${migration} of ${names} ended half-way: ${byHand}` }]
}

/** A running agent has an owner, or ends by itself; what else has no lock belongs to a complete migration. */
function endedHelpers(migration: string, pieces: Piece[]): Leftover[] {
  const ended = pieces.filter(
    ({ kind, role, state }) => kind === 'container' && role === 'agent' && state !== 'running',
  )
  if (ended.length === 0) return []
  const names = ended.map(({ name, engine }) => `${name} on ${engine}`).join(', ')
  return [{ migration, pieces: ended, fix: 'remove', message: `helpers that have ended: ${names}` }]
}

async function targetOf({ target }: Plan, engines: readonly Engine[]): Promise<Engine> {
  const given = engines.find(({ info }) => info.ID === target.id)
  return connectEngine(given?.name ?? target.engine)
}
