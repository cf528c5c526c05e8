import { ensureAgentImage } from '../../launch/image.ts'
import type { Lock } from '../../launch/lock.ts'
import { targetCopies } from '../carry-back.ts'
import { lockCopies, releaseAll, takeOver } from '../locking.ts'
import type { Run } from '../run.ts'

/**
 * Takes over the source's containers, and the target's copies too: nobody may move those on meanwhile.
 * @throws WherryError `locked`
 */
export async function lockBothSides(run: Run): Promise<Lock[]> {
  const { plan, source, target, report } = run
  // An engine may have lost the agents' image since, or have that of another version of wherry.
  await ensureAgentImage(source, target.isAbsent ? [] : [target], report)
  const locks = await takeOver(source, plan)
  if (target.isAbsent) return locks
  try {
    const copies = (await targetCopies(run)).map(({ Id, Name }) => ({ id: Id, name: Name.slice(1) }))
    if (copies.length > 0) await ensureAgentImage(target, [source], report)
    return [...locks, ...(await lockCopies(target, plan, copies))]
  } catch (error) {
    // Those of a migration that is half-way stay, held by nobody: they hold its plan. The error says more than one that stays.
    if (run.state.status !== 'unfinished') await releaseAll(locks).catch(() => {})
    throw error
  }
}
