import { joinAgent } from '../../agent/own-link.ts'
import type { Engine } from '../../engine/engine.ts'
import { type AgentMount, type RunningAgent, startAgent, treePath } from '../../launch/agent.ts'
import { ensureAgentImage } from '../../launch/image.ts'
import { assertAllRun, waitUntilServing } from '../../migrate/health.ts'
import type { Run, Step } from '../../migrate/run.ts'
import { addressesOf, agentLabels, removeAgents, targetMount } from '../../migrate/steps/agents.ts'
import { bringImages } from '../../migrate/steps/images.ts'
import { runningStages } from '../../migrate/steps/rest.ts'
import { exitCodes, messageOf, WherryError } from '../../model/errors.ts'
import type { ImagePlan, Plan, TreePlan } from '../../model/plan.ts'
import type { ChunkStore } from '../chunk-store.ts'
import type { SnapshotConfig } from '../config.ts'
import { imageStream } from './image.ts'
import { onlyImage } from './image-archive.ts'
import { checkpointName, memoryMount, startFromMemory } from './memory.ts'
import { assertOwnVolume } from './mounts.ts'
import type { RestorePlan } from './plan.ts'
import { type RestoredTree, sendTrees, type TreeToSend } from './send-trees.ts'

/** What the steps of a restore work with beside the run. */
export interface RestoreParts extends RestorePlan {
  chunks: ChunkStore
  config: SnapshotConfig
  directory: string
  /** What was restored, tree by tree. */
  restored: RestoredTree[]
}

/** Brings the images: pulled by their digests, else out of the snapshot where it holds them. */
export function restoreImages(parts: RestoreParts): Step {
  return {
    ...bringImages,
    async do(run) {
      for (const { image } of run.plan.containers) {
        if (image.action === 'transfer' && !(await run.target.images.inspect(image.id)))
          await bring(run, parts, image)
      }
      // What is left is to name them.
      return bringImages.do(run)
    },
  }
}

async function bring({ target, report, signal }: Run, parts: RestoreParts, image: ImagePlan): Promise<void> {
  report({ type: 'phase', phase: 'image', message: `image ${image.reference}` })
  const reasons: string[] = []
  for (const digest of image.repoDigests) {
    try {
      await target.images.pull(digest, signal)
      if (await target.images.inspect(image.id)) return
      reasons.push(`${digest} is another image here`)
    } catch (error) {
      signal.throwIfAborted()
      reasons.push(messageOf(error))
    }
  }
  const refs = parts.config.images.find(({ id }) => id === image.id)?.refs
  if (refs) {
    await target.images.load(onlyImage(imageStream(parts.chunks, refs), image.id), signal)
    if (await target.images.inspect(image.id)) return
    reasons.push('what the snapshot holds of it was loaded under another id')
  } else reasons.push('the snapshot does not hold it')
  throw new WherryError(
    'image-not-there',
    exitCodes.refused,
    `The image ${image.reference} is not on ${target.name} and cannot be had: ${reasons.join('; ')}.`,
    {
      suggestions: [
        `Load or build it there, so that it has the id ${image.id.slice(0, 19)}`,
        'Snapshots made with --image include hold their images.',
      ],
      data: { image: image.reference, id: image.id },
    },
  )
}

/** Fills the directories of the containers, which have been created and do not run. */
export function fillTrees(parts: RestoreParts): Step {
  return {
    name: 'agents',
    async do(run) {
      const { plan, target, report, signal } = run
      await removeAgents(run)
      if (parts.trees.length + parts.memory.length === 0) return undefined
      report({ type: 'phase', phase: 'agents', message: 'starting an agent' })
      const planned = parts.trees.map(({ id }) => {
        const tree = plan.trees.find((one) => one.id === id)
        if (!tree) throw new Error(`no place is planned for ${id}`)
        return tree
      })
      const { reference: image } = await ensureAgentImage(target, [], report)
      const agent = await startAgent(target, {
        image,
        name: `wherry-${plan.id}-target`,
        labels: agentLabels(plan),
        mounts: await Promise.all([
          ...planned.map((tree) => ownMount(target, plan, tree)),
          ...parts.memory.map((memory) => memoryMount(target, memory)),
        ]),
      })
      const callOff = () =>
        void agent.client.request('abort', { reason: 'interrupted', forGood: true }).catch(() => undefined)
      signal.addEventListener('abort', callOff, { once: true })
      try {
        const addresses = await addressesOf(target, agent)
        const link = await joinAgent(agent.client, { addresses, path: plan.options.path, report })
        report({ type: 'phase', phase: 'fill', message: `writing to ${target.name} (${link.kind})` })
        parts.restored = await sendTrees({
          agent: agent.client,
          channel: link.channel,
          chunks: parts.chunks,
          directory: parts.directory,
          trees: [
            ...parts.trees.map(({ tree }, index) => ({ tree, path: treePath(index) })),
            ...(await makeRoomForMemory(agent, parts)),
          ],
          report,
          signal,
        })
        link.close()
      } finally {
        signal.removeEventListener('abort', callOff)
        await agent.remove()
      }
      return { trees: parts.restored }
    },
    undo: removeAgents,
  }
}

/** Makes a checkpoint's directory for each container that goes on from its memory. */
async function makeRoomForMemory(
  { client }: RunningAgent,
  { trees, memory }: RestoreParts,
): Promise<TreeToSend[]> {
  const places = memory.map(({ tree }, index) => ({
    tree,
    path: `${treePath(trees.length + index)}/${checkpointName}`,
  }))
  // They go with their containers: nobody needs the record.
  const paths = places.map(({ path }) => path)
  if (paths.length > 0) await client.request('makeDirectories', { root: '/', record: '/tmp', paths })
  return places
}

async function ownMount(target: Engine, plan: Plan, tree: TreePlan): Promise<AgentMount> {
  const mount = await targetMount(target, plan, tree)
  if (mount.kind === 'volume') await assertOwnVolume(target, plan, tree, mount.volume)
  return mount
}

/** Starts what ran when the snapshot was taken, in order, and waits until it serves. */
export function startRestored({ memory }: RestoreParts): Step {
  return {
    name: 'start-restored',
    do: (run) => startAll(run, memory),
  }
}

async function startAll(run: Run, memory: RestoreParts['memory']): Promise<undefined> {
  const { plan, target, report } = run
  const stages = runningStages(plan)
  if (stages.length === 0) return undefined
  const names = stages.flat().map(({ name }) => name)
  report({ type: 'phase', phase: 'start', message: `starting ${names.join(', ')} on ${target.name}` })
  for (const { name } of stages.flat()) {
    if (memory.some(({ container }) => container === name)) await startFromMemory(target, name, report)
    else await target.containers.start(name)
  }
  run.times.startedMs = performance.now()
  await waitUntilServing(run)
  return undefined
}

/** From here on the containers are the user's, and nothing is taken back by itself. */
export const commitRestored: Step = {
  name: 'commit',
  commits: true,
  async do(run) {
    await assertAllRun(run)
    return undefined
  },
}
