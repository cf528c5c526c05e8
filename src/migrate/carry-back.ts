import type { ContainerDocument } from '../model/documents.ts'
import { exitCodes, WherryError } from '../model/errors.ts'
import { migrationLabel, roleLabel } from '../model/plan.ts'
import type { Journal } from './journal.ts'
import { type Run, record } from './run.ts'
import { openAgents, relearnTrees, removeAgents } from './steps/agents.ts'
import { assertAtRest } from './steps/rest.ts'
import { copyRound } from './steps/rounds.ts'

/**
 * Brings what the target's copies wrote since they started to the source, and leaves both sides at rest and equal. Does
 * nothing where no copy ever ran. From its first block on only the target holds the newest state: what breaks off is repeated
 * by the next rollback.
 * @throws WherryError `copy-gone` or `frozen-source` (exit 5) when it is for the user to decide.
 */
export async function carryBack(run: Run, journal: Journal): Promise<void> {
  if (run.state.carriedBack || run.discard) return
  const copies = await targetCopies(run)
  if (copies.length === 0 && (await sourceNeverRested(run))) return
  if (copies.length > 0 && !copies.some(everStarted)) return
  await assertAtRest(run)
  if (copies.length === 0) return assertNothingLost(run)
  await bringCopiesToRest(run, copies)
  run.report({ type: 'phase', phase: 'carry-back', message: `looking for what ${run.target.name} wrote` })
  await removeAgents(run)
  const agents = await openAgents(run, 'back')
  run.agents = agents
  if (!(await isAsAfterFinalRound(run))) {
    await unfreeze(run)
    await record(run, journal, { type: 'intent', step: 'carry-back' })
    await relearnTrees(agents)
    const { bytesSent } = await copyRound(run, true)
    run.report({
      type: 'note',
      message: `carried back to ${run.source.name} what was written on ${run.target.name}: ${bytesSent} bytes`,
    })
  }
  await assertStillAtRest(run, copies)
  await record(run, journal, { type: 'done', step: 'carry-back' })
  await removeAgents(run)
}

/** The containers that the migration made on the target. */
export async function targetCopies({ plan, target }: Run): Promise<ContainerDocument[]> {
  const labels = [`${migrationLabel}=${plan.id}`, `${roleLabel}=target`]
  const list = await target.containers.list({ labels })
  const documents = await Promise.all(list.map(({ Id }) => target.containers.inspect(Id)))
  return documents.filter((document) => document !== undefined)
}

/** Whether a container has ever run. Engines say year 1 when it has not. */
export function everStarted({ State }: ContainerDocument): boolean {
  return Date.parse(State.StartedAt) > 0
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

async function bringCopiesToRest({ target, plan }: Run, copies: ContainerDocument[]): Promise<void> {
  for (const { Id, HostConfig } of copies) {
    if (!HostConfig.AutoRemove)
      await target.containers.setRestartPolicy(Id, { Name: 'no', MaximumRetryCount: 0 })
  }
  // In the reverse order of their start, as on the source.
  for (const { name } of plan.containers.toReversed()) {
    const copy = copies.find(({ Name }) => Name === `/${name}`)
    if (copy) await target.containers.stop(copy.Id)
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
async function unfreeze({ plan, source }: Run): Promise<void> {
  for (const { sourceId, name, manifest } of plan.containers) {
    const now = await source.containers.inspect(sourceId)
    if (!now?.State.Paused) continue
    if (manifest.hostConfig.AutoRemove) throw frozenSource(plan.id, source.name, name)
    await source.containers.kill(sourceId)
  }
}

async function assertStillAtRest(run: Run, copies: ContainerDocument[]): Promise<void> {
  for (const { Id, Name, State } of copies) {
    const now = await run.target.containers.inspect(Id)
    if (!now || (!now.State.Running && now.State.StartedAt === State.StartedAt)) continue
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
