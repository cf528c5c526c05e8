import { isDeepStrictEqual } from 'node:util'
import { ensureAgentImage } from '../../launch/image.ts'
import { migrationLabel, type Plan } from '../../model/plan.ts'
import {
  ghostLabel,
  ghostsOn,
  holdAddresses,
  placeGhost,
  prepareGhost,
  removeGhosts,
} from '../../network/ghosts.ts'
import { othersOn } from '../peers.ts'
import type { Run, Step } from '../run.ts'

/** How long after a stop the addresses must be held: they are free by then, or somebody else has one. */
const holdMs = 10_000

/**
 * Puts ghosts where containers will be missing: on the target for the peers that stay, and on the source, still without
 * addresses, for the containers that move.
 */
export const placeGhosts: Step = {
  name: 'ghosts',
  async do(run) {
    const { plan, source, target, report } = run
    const { onSource, onTarget } = plan.ghosts
    if (onSource.length + onTarget.length === 0) return undefined
    const { reference: image } = await ensureAgentImage(source, [target], report)
    await ensureAgentImage(target, [source], report)
    const there = await ghostsOn(target)
    for (const ghost of onTarget) {
      if (!there.some((other) => isDeepStrictEqual(other, ghost)))
        await placeGhost(target, ghost, image, labelsOf(plan))
    }
    for (const ghost of onSource) await prepareGhost(source, ghost, image, labelsOf(plan))
    return { ghosts: [...onSource, ...onTarget].map(({ of }) => of) }
  },
  async undo({ plan, source, target }) {
    const labels = labelFilters(plan)
    for (const engine of [source, target]) if (!engine.isAbsent) await removeGhosts(engine, labels)
  },
}

/**
 * Does what stops the source copies, and takes over their addresses in the moment in which they become free.
 * @throws WherryError `address-lost` when somebody else was quicker.
 */
export async function whileTakingOver(run: Run, stop: () => Promise<void>): Promise<void> {
  const over = new AbortController()
  const { onSource } = run.plan.ghosts
  const taking = Promise.all(onSource.map((ghost) => holdAddresses(run.source, ghost, over.signal)))
  // Looked at below; a stop that fails comes first.
  taking.catch(() => {})
  let timer: NodeJS.Timeout | undefined
  try {
    await stop()
    timer = setTimeout(() => over.abort(), holdMs)
    await taking
  } finally {
    clearTimeout(timer)
    over.abort()
    await taking.catch(() => {})
  }
}

/** Frees on the source what the ghosts of this migration hold: the containers that they stand for need it. */
export async function releaseSource({ plan, source }: Run): Promise<void> {
  await removeGhosts(source, labelFilters(plan))
}

/** Takes the ghosts of the containers that come now away from the target. */
export async function giveWay({ plan, target }: Run): Promise<void> {
  for (const { of } of plan.ghosts.givingWay) await removeGhosts(target, [`${ghostLabel}=${of}`])
}

/** Puts back the ghosts that gave way. */
export async function comeBack({ plan, source, target, report }: Run): Promise<void> {
  if (plan.ghosts.givingWay.length === 0) return
  const { reference: image } = await ensureAgentImage(target, [source], report)
  // Without this migration's label: they were there before it, and stay when it is undone.
  for (const ghost of plan.ghosts.givingWay) await placeGhost(target, ghost, image, {})
}

/** Takes away the ghosts on the source that nobody is left to ask for. */
export async function layGhosts({ plan, source }: Run): Promise<void> {
  if (source.isAbsent) return
  for (const { name, action } of plan.networks) {
    if (action !== 'stretch' || (await othersOn(source, name)).length > 0) continue
    for (const { of, endpoints } of await ghostsOn(source)) {
      if (endpoints.every(({ network }) => network === name))
        await removeGhosts(source, [`${ghostLabel}=${of}`])
    }
  }
}

function labelsOf({ id }: Plan): Record<string, string> {
  return { [migrationLabel]: id }
}

function labelFilters({ id }: Plan): string[] {
  return [`${migrationLabel}=${id}`]
}
