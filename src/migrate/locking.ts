import { isDeepStrictEqual } from 'node:util'
import { describeContainer } from '../engine/describe.ts'
import type { Engine } from '../engine/engine.ts'
import { agentImageReference } from '../launch/image.ts'
import { findLock, findLocks, Lock, lockedError, removeDeadLock } from '../launch/lock.ts'
import { RefusedError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Plan } from '../model/plan.ts'
import { planLabels } from './plan-label.ts'

/** @throws WherryError `locked` when another run has one of the containers, or left it half-way. */
export async function assertNotLocked(source: Engine, manifests: readonly Manifest[]): Promise<void> {
  for (const { id } of manifests) {
    const lock = await findLock(source, id)
    if (lock) throw lockedError(source, lock)
  }
}

/**
 * Locks a plan's containers on the source, all or none, and makes sure that they are still what was planned for.
 * @throws WherryError `locked`; RefusedError `source-changed` when one was changed while the plan was made.
 */
export async function lockPlan(source: Engine, plan: Plan): Promise<Lock[]> {
  const locks = await acquireAll(source, plan)
  try {
    for (const { sourceId, name, manifest } of plan.containers) {
      const now = await describeContainer(source, sourceId)
      if (isDeepStrictEqual(plannedFor(now), plannedFor(manifest))) continue
      throw new RefusedError('source-changed', `${name} on ${source.name} was changed just now.`, {
        suggestions: ['Try again.'],
      })
    }
    return locks
  } catch (error) {
    await releaseAll(locks)
    throw error
  }
}

/** What of a container a plan depends on. Not times, and not which other containers are on its networks just now. */
export function plannedFor({
  id,
  name,
  image,
  config,
  hostConfig,
  mounts,
  endpoints,
  networks,
  state,
}: Manifest) {
  return {
    id,
    name,
    image: image.id,
    config,
    hostConfig,
    mounts,
    endpoints: endpoints.map(({ network, asked }) => ({ network, asked })),
    networks: networks.map(({ Id }) => Id),
    running: state.running,
  }
}

/**
 * Takes over the locks of a run that ended half-way, or makes them where there are none.
 * @throws WherryError `locked` while the other run lives.
 */
export async function takeOver(source: Engine, plan: Plan): Promise<Lock[]> {
  for (const { sourceId } of plan.containers) await removeDead(source, sourceId, plan)
  return acquireAll(source, plan)
}

/**
 * Locks the target's copies for a rollback, which takes them away: nobody may move them on meanwhile. These locks hold no plan.
 * @throws WherryError `locked`
 */
export async function lockCopies(
  target: Engine,
  plan: Plan,
  copies: readonly { id: string; name: string }[],
): Promise<Lock[]> {
  // A rollback that was killed may have taken its copies away already, and left their locks.
  for (const lock of await findLocks(target, plan.id)) await removeDeadLock(target, lock)
  return acquire(target, plan.id, copies, {})
}

/** Gives all locks up. */
export async function releaseAll(locks: readonly Lock[]): Promise<void> {
  for (const lock of locks) await lock.release()
}

async function removeDead(engine: Engine, containerId: string, plan: Plan): Promise<void> {
  const lock = await findLock(engine, containerId)
  if (!lock) return
  // A newer migration of the same container is not ours to end.
  if (lock.migration !== plan.id) throw lockedError(engine, lock)
  await removeDeadLock(engine, lock)
}

function acquireAll(source: Engine, plan: Plan): Promise<Lock[]> {
  const containers = plan.containers.map(({ sourceId, name }) => ({ id: sourceId, name }))
  return acquire(source, plan.id, containers, planLabels(plan))
}

async function acquire(
  engine: Engine,
  migration: string,
  containers: readonly { id: string; name: string }[],
  labels: Record<string, string>,
): Promise<Lock[]> {
  const image = await agentImageReference()
  const locks: Lock[] = []
  try {
    for (const container of containers) {
      locks.push(await Lock.acquire(engine, { image, migration, container, labels }))
    }
    return locks
  } catch (error) {
    // The reason to give up says more than a lock that then stays.
    await releaseAll(locks).catch(() => {})
    throw error
  }
}
