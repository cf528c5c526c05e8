import { ensureAgentImage } from '../../launch/image.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import type { Ghost } from '../../model/ghost.ts'
import { type ContainerPlan, migrationLabel, type Plan } from '../../model/plan.ts'
import { letsChoose, plugBelow, removePlugs } from '../../network/addresses.ts'
import {
  ghostLabel,
  ghostsOn,
  placeGhost,
  prepareGhost,
  removeGhosts,
  takeOver,
} from '../../network/ghosts.ts'
import { isSame, keepsToRange, withOthers } from '../../network/reconcile.ts'
import { announcesGhosts, tellAgain } from '../../network/tell-again.ts'
import { othersOn } from '../peers.ts'
import type { Run, Step } from '../run.ts'

/** Puts ghosts on the target, for the peers that stay on the source. */
export const placeGhosts: Step = {
  name: 'ghosts',
  async do(run) {
    const { plan, source, target, report } = run
    const { onTarget } = plan.ghosts
    if (onTarget.length === 0) return undefined
    const { reference: image } = await ensureAgentImage(target, [source], report)
    const there = await ghostsOn(target)
    for (const ghost of onTarget) {
      const now = there.find(({ of }) => of === ghost.of)
      const looked = ghost.endpoints.map(({ network }) => network)
      const next = withOthers(ghost, now, looked)
      if (now && isSame(now, next, target)) continue
      await placeGhost(target, next, image, labelsOf(plan))
      if (announcesGhosts(target)) await tellAgain(source, [ghost.of], image, labelsOf(plan))
    }
    return { ghosts: onTarget.map(({ of }) => of) }
  },
  async undo({ plan, target }) {
    for (const { of, endpoints } of await ghostsOn(target, labelFilters(plan))) {
      // A container that came later may have found them there, and asks for them now.
      const asking = await Promise.all(endpoints.map(({ network }) => othersOn(target, network)))
      if (asking.flat().length === 0) await removeGhosts(target, [`${ghostLabel}=${of}`])
    }
  },
}

/** Nothing but a place for its undo, after the source runs again: a ghost that cannot be put back must not keep it from running. */
export const letGhostsGiveWay: Step = {
  name: 'give-way',
  do: async ({ plan }) => ({ ghosts: plan.ghosts.givingWay.map(({ of }) => of) }),
  undo: comeBack,
}

/** Makes ready what takes over the addresses on the source when the containers stop. */
export const prepareGhosts: Step = {
  name: 'takeover',
  async do({ plan, source, target, report }) {
    const { onSource } = plan.ghosts
    if (onSource.length === 0) return undefined
    const { reference: image } = await ensureAgentImage(source, [target], report)
    for (const ghost of onSource) await prepareGhost(source, ghost, image, labelsOf(plan))
    for (const { endpoints } of onSource) {
      for (const { network, ipv4 } of endpoints) {
        if (ipv4 && !(await letsChoose(source, network, image, labelsOf(plan))))
          await plugBelow(source, network, ipv4, image, labelsOf(plan))
      }
    }
    return { ghosts: onSource.map(({ of }) => of) }
  },
  isVital: true,
  undo: releaseSource,
}

/** Does what stops the source copies, and takes over their addresses in the moment in which they become free. */
export async function whileTakingOver({ plan, source }: Run, stop: () => Promise<void>): Promise<void> {
  const stopping = stop()
  // Where the engine gives out the lowest address that is free, they are taken from the lowest up.
  const lowestFirst = plan.ghosts.onSource.toSorted((a, b) =>
    lowest(a).localeCompare(lowest(b), 'en', { numeric: true }),
  )
  const taking: Promise<void>[] = []
  for (const ghost of lowestFirst) {
    const turn = Promise.all([stopping, taking.at(-1)])
    // A ghost that fails before its turn has not waited for it.
    turn.catch(() => undefined)
    taking.push(takeOver(source, ghost, stopping, turn))
  }
  // A stop that fails comes first.
  const outcomes = Promise.allSettled(taking)
  await stopping.finally(() => outcomes)
  await Promise.all(taking)
  await removePlugs(source, labelFilters(plan))
}

function lowest({ endpoints }: Ghost): string {
  return endpoints[0]?.ipv4 ?? ''
}

/** Frees on the source what ghosts of the containers hold that are to run there, whoever put them there. */
export async function releaseSource({ plan, source }: Run): Promise<void> {
  for (const { of } of plan.ghosts.onSource) await removeGhosts(source, [`${ghostLabel}=${of}`])
  await removePlugs(source, labelFilters(plan))
}

/**
 * Starts a container on the target with the addresses that it has had: its ghost there gives way first.
 * @throws WherryError `address-lost` when it came up with another.
 */
export async function startInPlace(
  run: Run,
  { name }: ContainerPlan,
  start: () => Promise<void>,
): Promise<void> {
  const { plan, target, source, report } = run
  const wanted = await unchosen(run, name)
  if (wanted.length > 0) {
    const { reference: image } = await ensureAgentImage(target, [source], report)
    for (const { network, ipv4 } of wanted) await plugBelow(target, network, ipv4, image, labelsOf(plan))
  }
  // Also one that came after the plan was made.
  if (hasGhosts(plan)) await removeGhosts(target, [`${ghostLabel}=${name}`])
  await start()
  if (wanted.length === 0) return
  await removePlugs(target, labelFilters(plan))
  const now = await target.containers.inspect(name)
  for (const { network, ipv4 } of wanted) {
    const got = now?.NetworkSettings.Networks[network]?.IPAddress
    if (got !== ipv4) throw otherAddress(name, ipv4, got, target.name)
  }
}

/** The addresses that a copy is to have and could not ask for. */
async function unchosen({ plan, target }: Run, name: string): Promise<{ network: string; ipv4: string }[]> {
  const stretched = plan.networks.filter(({ action }) => action === 'stretch').map((network) => network.name)
  if (stretched.length === 0) return []
  const manifest = plan.containers.find((container) => container.name === name)?.manifest
  const endpoints = (await target.containers.inspect(name))?.NetworkSettings.Networks ?? {}
  return (manifest?.endpoints ?? [])
    .filter(({ network }) => stretched.includes(network) && !endpoints[network]?.IPAMConfig?.IPv4Address)
    .map(({ network, actual }) => ({ network, ipv4: actual.ipv4 }))
    .filter(({ ipv4 }) => ipv4 !== '')
}

function otherAddress(name: string, wanted: string, got: string | undefined, engine: string): WherryError {
  return new WherryError(
    'address-lost',
    exitCodes.rolledBack,
    `${name} came up on ${engine} with the address ${got ?? 'of another network'} in place of ${wanted}.`,
    { suggestions: ['Another container may have got it in that moment. Try again when it has gone.'] },
  )
}

/** Puts back the ghosts that gave way. */
async function comeBack({ plan, source, target, report }: Run): Promise<void> {
  const there = await ghostsOn(target)
  const missing = plan.ghosts.givingWay.filter((ghost) => !there.some(({ of }) => of === ghost.of))
  if (missing.length === 0) return
  const { reference: image } = await ensureAgentImage(target, [source], report)
  // Without this migration's label: they were there before it, and stay when it is undone.
  for (const ghost of missing) await placeGhost(target, ghost, image, {})
  const names = missing.map(({ of }) => of)
  if (announcesGhosts(target)) await tellAgain(source, names, image, labelsOf(plan))
}

/**
 * Takes away the ghosts that nobody needs any more: on the target those of the containers that have come, on the source those
 * that nobody is left to ask for. Where the engine could give their addresses to others, they stay to hold them.
 */
export async function layGhosts({ plan, source, target }: Run): Promise<void> {
  for (const { of } of plan.ghosts.givingWay) await removeGhosts(target, [`${ghostLabel}=${of}`])
  if (source.isAbsent) return
  const deserted: string[] = []
  for (const { name, action } of plan.networks) {
    if (action !== 'stretch' || (await othersOn(source, name)).length > 0) continue
    if (await keepsToRange(source, name)) deserted.push(name)
  }
  for (const { of, endpoints } of await ghostsOn(source)) {
    if (endpoints.length > 0 && endpoints.every(({ network }) => deserted.includes(network)))
      await removeGhosts(source, [`${ghostLabel}=${of}`])
  }
}

/** Whether a plan has to do with ghosts at all. */
export function hasGhosts({ ghosts }: Plan): boolean {
  return ghosts.onSource.length + ghosts.onTarget.length + ghosts.givingWay.length > 0
}

function labelsOf({ id }: Plan): Record<string, string> {
  return { [migrationLabel]: id }
}

function labelFilters({ id }: Plan): string[] {
  return [`${migrationLabel}=${id}`]
}
