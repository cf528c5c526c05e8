import type { ContainerDocument } from '../model/documents.ts'
import { exitCodes, WherryError } from '../model/errors.ts'
import { migrationLabel, roleLabel } from '../model/plan.ts'
import type { Journal } from './journal.ts'
import { note, type Run } from './run.ts'
import { openAgents, relearnTrees, removeAgents } from './steps/agents.ts'
import { assertEnded } from './steps/frozen.ts'
import { assertAtRest } from './steps/rest.ts'
import { copyRound } from './steps/rounds.ts'

/**
 * Brings what the target's copies wrote since they started to the source, and leaves both sides at rest and equal. Does
 * nothing where no copy ever ran. From its first block on only the target holds the newest state: what breaks off is repeated
 * by the next rollback.
 * @throws WherryError `copy-gone` or `frozen-source` (exit 5) when it is for the user to decide.
 */
export async function carryBack(run: Run, journal: Journal): Promise<void> {
  if (run.discard || (run.state.carriedBack && !(await hasRunSince(run)))) return
  const copies = await copiesThatStay(run)
  if (copies.length === 0 && (await sourceNeverRested(run))) return
  if (copies.length > 0 && !copies.some(everStarted)) return
  await assertAtRest(run)
  if (copies.length === 0) return assertNothingLost(run)
  if (copies.length < run.plan.containers.length) throw copyGone(run)
  await bringCopiesToRest(run, copies)
  run.report({ type: 'phase', phase: 'carry-back', message: `looking for what ${run.target.name} wrote` })
  await removeAgents(run)
  const agents = await openAgents(run, 'back')
  run.agents = agents
  // Once it was begun the source is no longer as it was after the final round either.
  if (run.state.begun.has('carry-back') || !(await isAsAfterFinalRound(run))) {
    await unfreeze(run, copies)
    await note(run, journal, { type: 'intent', step: 'carry-back' })
    await relearnTrees(agents)
    const { bytesSent } = await copyRound(run, true)
    run.report({
      type: 'note',
      message: `carried back to ${run.source.name} what was written on ${run.target.name}: ${bytesSent} bytes`,
    })
  }
  await assertAtRest(run)
  await assertStillAtRest(run, copies)
  const started = Object.fromEntries(copies.map(({ Id, State }) => [Id, State.StartedAt]))
  // A journal that cannot be written must not keep both sides at rest: the work would only be repeated.
  await note(run, journal, { type: 'done', step: 'carry-back', data: { started } })
  await removeAgents(run)
}

/** The containers that the migration made on the target. */
export async function targetCopies({ plan, target }: Run): Promise<ContainerDocument[]> {
  const labels = [`${migrationLabel}=${plan.id}`, `${roleLabel}=target`]
  const list = await target.containers.list({ labels })
  const documents = await Promise.all(list.map(({ Id }) => target.containers.inspect(Id)))
  return documents.filter((document) => document !== undefined)
}

/** The copies, without those that were started with --rm and have ended: the engine is removing them. */
async function copiesThatStay(run: Run): Promise<ContainerDocument[]> {
  const copies = await targetCopies(run)
  const vanishing = copies.filter(
    (copy) => copy.HostConfig.AutoRemove && everStarted(copy) && !copy.State.Running,
  )
  for (const { Id } of vanishing) await run.target.containers.untilGone(Id)
  return copies.filter((copy) => !vanishing.includes(copy))
}

/** Whether a container has ever run. Engines say year 1 when it has not. */
export function everStarted({ State }: ContainerDocument): boolean {
  return Date.parse(State.StartedAt) > 0
}

/** Whether somebody has started a copy after what it wrote was carried back. */
async function hasRunSince(run: Run): Promise<boolean> {
  if (run.target.isAbsent) return false
  const { carriedBackFrom } = run.state
  return (await targetCopies(run)).some(
    ({ Id, State }) => State.Running || State.StartedAt !== (carriedBackFrom[Id] ?? State.StartedAt),
  )
}

/** Then no copy can have been started. */
async function sourceNeverRested({ plan, source }: Run): Promise<boolean> {
  const copies = plan.containers.filter(({ wasRunning }) => wasRunning)
  const states = await Promise.all(copies.map(({ sourceId }) => source.containers.inspect(sourceId)))
  return states.every((now) => now?.State.Running && !now.State.Paused)
}

/**
 * Copies that were started with --rm vanish when they end, with what they wrote anywhere but in named volumes and bind mounts,
 * as their user wanted. Those must be as they were.
 * @throws WherryError `copy-gone`
 */
async function assertNothingLost(run: Run): Promise<void> {
  const { plan } = run
  if (!plan.containers.every(({ manifest }) => manifest.hostConfig.AutoRemove)) throw copyGone(run)
  const trees = plan.trees.filter(({ kind }) => kind === 'volume' || kind === 'bind')
  const reduced: Run = { ...run, plan: { ...plan, trees } }
  await removeAgents(reduced)
  reduced.agents = await openAgents(reduced, 'back')
  const isUnchanged = await isAsAfterFinalRound(reduced)
  await removeAgents(reduced)
  if (!isUnchanged) throw copyGone(run)
}

/** Stops the copies. Those with --rm are frozen: stopped, they would vanish with what they wrote. */
async function bringCopiesToRest({ target, plan }: Run, copies: ContainerDocument[]): Promise<void> {
  for (const { Id, HostConfig } of copies) {
    if (!HostConfig.AutoRemove)
      await target.containers.setRestartPolicy(Id, { Name: 'no', MaximumRetryCount: 0 })
  }
  // In the reverse order of their start, as on the source.
  const order = plan.containers.map(({ name }) => `/${name}`)
  for (const { Id, HostConfig } of copies.toSorted((a, b) => order.indexOf(b.Name) - order.indexOf(a.Name))) {
    if (!HostConfig.AutoRemove) await target.containers.stop(Id)
    else {
      const now = await target.containers.inspect(Id)
      if (now && !isAtRest(now)) await target.containers.pause(Id)
    }
  }
}

/** Whether the target's trees are still those of the final round. Cheaper than comparing both sides, and often enough. */
async function isAsAfterFinalRound({ state, agents }: Run): Promise<boolean> {
  if (!agents) return false
  for (const { id, path } of agents.trees) {
    const expected = state.finalDigests[id]
    if (!expected) return false
    const { digest } = await agents.sender.client.request('scanTree', { id, path })
    if (digest !== expected) return false
  }
  return true
}

/** A frozen process must not run on with data that changed beneath it. It ends as in a crash, which is what it was frozen for. */
async function unfreeze({ plan, source, target }: Run, copies: ContainerDocument[]): Promise<void> {
  for (const { sourceId, name, manifest } of plan.containers) {
    const now = await source.containers.inspect(sourceId)
    if (!now?.State.Paused) continue
    if (manifest.hostConfig.AutoRemove) {
      for (const { Id } of copies)
        if ((await target.containers.inspect(Id))?.State.Paused) await target.containers.unpause(Id)
      throw frozenSource(plan.id, source.name, name)
    }
    await source.containers.kill(sourceId)
    await assertEnded(source, sourceId)
  }
}

async function assertStillAtRest(run: Run, copies: ContainerDocument[]): Promise<void> {
  for (const { Id, Name, State } of copies) {
    const now = await run.target.containers.inspect(Id)
    if (!now || (isAtRest(now) && now.State.StartedAt === State.StartedAt)) continue
    throw new WherryError(
      'copy-started-again',
      exitCodes.needsUser,
      `${Name.slice(1)} was started again on ${run.target.name} while its data was carried back.`,
      {
        suggestions: [`Find out what starts it, and try again: wherry migration rollback ${run.plan.id}`],
        data: { migration: run.plan.id },
      },
    )
  }
}

function isAtRest({ State }: ContainerDocument): boolean {
  return !State.Running || State.Paused
}

function copyGone({ plan, target }: Run): WherryError {
  const names = plan.containers.map(({ name }) => name).join(', ')
  return new WherryError(
    'copy-gone',
    exitCodes.needsUser,
    `The copy of ${names} is no longer on ${target.name}: what it wrote since it was started there cannot be carried back.`,
    {
      suggestions: [
        `To go back to the state in which the source was stopped: wherry migration rollback ${plan.id} --discard`,
      ],
      data: { migration: plan.id },
    },
  )
}

function frozenSource(id: string, engine: string, name: string): WherryError {
  return new WherryError(
    'frozen-source',
    exitCodes.needsUser,
    `${name} is frozen on ${engine} and would vanish if it ended (--rm): what its copy wrote cannot be given to it.`,
    {
      suggestions: [
        `To keep the copy: wherry migration resume ${id}`,
        `To let the frozen one run on, and lose what the copy wrote: wherry migration rollback ${id} --discard`,
      ],
      data: { migration: id, container: name },
    },
  )
}
