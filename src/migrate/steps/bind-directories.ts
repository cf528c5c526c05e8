import { makeHostDirectories, removeHostDirectories } from '../../launch/host-directories.ts'
import { ensureAgentImage } from '../../launch/image.ts'
import type { Step } from '../run.ts'

/** Makes the directories that bind mounts are copied to; containers that mount them cannot be created without them. */
export const makeBindDirectories: Step = {
  name: 'bind-directories',
  async do({ plan, source, target, report }) {
    if (plan.bindDirectories.length === 0) return undefined
    const { reference } = await ensureAgentImage(target, [source], report)
    return { made: await makeHostDirectories(target, reference, plan.id, plan.bindDirectories) }
  },
  async undo({ plan, source, target, report }) {
    if (plan.bindDirectories.length === 0) return
    const { reference } = await ensureAgentImage(target, [source], report)
    await removeHostDirectories(target, reference, plan.id)
  },
}
