import type { Engine } from '../../engine/engine.ts'
import { hasStatus } from '../../engine/failures.ts'
import { ensureAgentImage } from '../../launch/image.ts'
import { exitCodes, RefusedError, WherryError } from '../../model/errors.ts'
import type { Plan } from '../../model/plan.ts'
import type { Report } from '../../model/progress.ts'
import { type Forwarder, forwardersOn } from '../../network/forwarders.ts'
import { targetCopies } from '../carry-back.ts'
import { dockerFor } from '../checks/check.ts'
import { withJournal } from '../complete.ts'
import type { JournalContent } from '../journal.ts'
import { takeOver } from '../locking.ts'
import { newRun, note, type Run } from '../run.ts'
import { isComplete, stateOf } from '../state.ts'
import { assertNotMovedOn } from './moved-on.ts'
import { openJournal } from './open-journal.ts'
import { assertSameEngines } from './resume.ts'

export interface FinishRequest {
  content: JournalContent
  source: Engine
  target: Engine
  report: Report
  signal: AbortSignal
  /** Asked before anything is removed, with what will be. What it throws ends the work. */
  confirm: (removal: Removal) => Promise<void>
}

/** What `finish` takes away for good. */
export interface Removal {
  engine: string
  containers: string[]
  volumes: string[]
}

/** What `finish --json` prints. */
export interface FinishResult {
  id: string
  status: 'finished'
  removed: Removal
  /** Volumes that stayed because another container uses them, or may have made them anew. */
  kept: string[]
  /** Forwarders on the source, which go on. */
  forwarders: Forwarder[]
}

/**
 * Removes the fenced copy on the source, and its volumes where nothing else uses them. The way back ends here.
 * @throws RefusedError where the copy on the target is not there, or the one on the source runs.
 */
export async function finish(request: FinishRequest): Promise<FinishResult> {
  const { content, source, target, confirm } = request
  const { plan, records } = content
  const state = stateOf(records)
  assertCompleted(plan.id, state)
  assertSameEngines(plan, source, target)
  const run = newRun({ ...request, plan, locks: [], state })
  const planned = await removalOf(run)
  const isEmpty = planned.containers.length === 0 && planned.volumes.length === 0
  // Somebody removed the fenced copy already: there is nothing to lose, and nothing to ask.
  if (!isEmpty) {
    await assertTargetCopies(run, content)
    if (!isComplete(state)) await assertCopiesRun(run)
    await confirm(planned)
  }
  if (request.signal.aborted) {
    throw new WherryError('interrupted', exitCodes.interrupted, 'Interrupted; nothing was removed.')
  }
  await ensureAgentImage(source, [target], request.report)
  const locks = await takeOver(source, plan)
  return withJournal(
    { ...run, locks },
    'finish',
    () => openJournal(content, 'finish'),
    async (journal) => {
      // Again, with the lock: the answer may have taken a while.
      if (!isEmpty) await assertTargetCopies(run)
      const removal = isEmpty ? planned : await removalOf(run)
      await journal.append({ type: 'intent', step: 'finish' })
      const result = await remove(plan, source, removal)
      for (const container of plan.setAside ?? []) await removeSetAside(target, container)
      // What is removed is removed, also where that cannot be written down.
      await note(run, journal, { type: 'end', status: 'finished' })
      return result
    },
  )
}

function assertCompleted(id: string, { status, committed, begun }: ReturnType<typeof stateOf>): void {
  // One that was killed while it finished may go on.
  if (status === 'completed' || (committed && begun.has('finish') && status === 'unfinished')) return
  const suggestions =
    status === 'unfinished' ? [`First bring it to its end: wherry migration resume ${id}`] : []
  throw new RefusedError('not-completed', `Migration ${id} cannot be finished: it is ${status}.`, {
    suggestions,
  })
}

async function assertTargetCopies(run: Run, content?: JournalContent): Promise<void> {
  const copies = await targetCopies(run)
  const missing = run.plan.containers.filter(({ name }) => !copies.some(({ Name }) => Name === `/${name}`))
  if (missing.length === 0) return
  if (content) await assertNotMovedOn(run, content)
  const names = missing.map(({ name }) => name).join(', ')
  throw new RefusedError(
    'copy-gone',
    `${names} is not on ${run.target.name}: the copy on ${run.source.name} may be the only one, and stays.`,
    {
      suggestions: [`To run it there again: wherry migration rollback ${run.plan.id} --discard`],
      data: { migration: run.plan.id },
    },
  )
}

/**
 * Without the journal nothing says that everything had arrived; but the copies are started only then.
 * @throws RefusedError `copy-at-rest`
 */
async function assertCopiesRun(run: Run): Promise<void> {
  const { plan, source, target } = run
  const resting = (await targetCopies(run)).filter(({ State }) => !State.Running || State.Paused)
  if (resting.length === 0) return
  const names = resting.map(({ Name }) => Name.slice(1)).join(', ')
  throw new RefusedError(
    'copy-at-rest',
    `${names} does not run on ${target.name}, and there is no journal that says whether everything had arrived there.`,
    {
      suggestions: [
        `To go back: wherry migration rollback ${plan.id} --from ${source.name} --to ${target.name}`,
        `If everything is on ${target.name}, remove the fenced copy: ${dockerFor(source.name)} rm ${names}`,
      ],
      data: { migration: plan.id },
    },
  )
}

async function removalOf({ plan, source, state }: Run): Promise<Removal> {
  const containers: string[] = []
  const mounted = new Set<string>()
  for (const { sourceId, name } of plan.containers) {
    const now = await source.containers.inspect(sourceId)
    if (now?.State.Running && !now.State.Paused) {
      throw new RefusedError(
        'source-runs',
        `${name} runs on ${source.name}: somebody started the fenced copy.`,
        {
          suggestions: ['Find out which copy has the data that you want before you remove either.'],
        },
      )
    }
    if (now) containers.push(name)
    for (const { Name } of now?.Mounts ?? []) if (Name) mounted.add(Name)
  }
  // A volume that no fenced copy holds may be another one of that name; unless an earlier finish has removed the copy.
  const volumes = plan.volumes
    .map(({ name }) => name)
    .filter((name) => mounted.has(name) || state.begun.has('finish'))
  return { engine: source.name, containers, volumes }
}

async function remove(plan: Plan, source: Engine, { containers, volumes }: Removal): Promise<FinishResult> {
  const removed: Removal = { engine: source.name, containers: [], volumes: [] }
  const kept = plan.volumes.map(({ name }) => name).filter((name) => !volumes.includes(name))
  for (const { sourceId, name } of plan.containers) {
    if (!containers.includes(name)) continue
    await source.containers.remove(sourceId, { volumes: true })
    removed.containers.push(name)
  }
  for (const name of volumes) {
    try {
      await source.volumes.remove(name)
      removed.volumes.push(name)
    } catch (error) {
      if (!hasStatus(error, 409)) throw error
      kept.push(name)
    }
  }
  const forwarders = await forwardersOn(source, { migration: plan.id })
  return { id: plan.id, status: 'finished', removed, kept, forwarders }
}

/** One that runs was started by a later move. */
async function removeSetAside(target: Engine, container: string): Promise<void> {
  for (const { id, state } of await forwardersOn(target, { container })) {
    if (state !== 'running') await target.containers.remove(id)
  }
}
