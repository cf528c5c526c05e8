import type { Engine } from '../../engine/engine.ts'
import { migrationLabel, type Plan } from '../../model/plan.ts'
import type { Report } from '../../model/progress.ts'
import { findStretched, type KnownNetwork, withMembers } from '../../network/members.ts'
import { type Membership, membershipsOn } from '../../network/membership.ts'
import { stretchNetwork } from '../../network/stretch.ts'
import { containersOn, forget, isGhost, part } from '../../network/unstretch.ts'
import type { Step } from '../run.ts'

/** Joins the networks of both engines that the plan says so of, and shows that they carry packets. */
export const stretchNetworks: Step = {
  name: 'stretch',
  async do({ plan, source, target, report }) {
    const names = plan.networks.filter(({ action }) => action === 'stretch').map(({ name }) => name)
    const links: unknown[] = []
    for (const network of names) {
      await withMembers(source, target, network, async (engines) => {
        const labels = { [migrationLabel]: plan.id }
        const request = { network, engines, labels, report }
        const made = await stretchNetwork({ ...request, encryption: 'where-possible' })
        links.push(...made.links)
      })
    }
    return { stretched: names, links }
  },
  async undo({ plan, source, target, report }) {
    const present = [source, target].filter(({ isAbsent }) => !isAbsent)
    const found = (await Promise.all(present.map((engine) => membershipsOn(engine)))).flat()
    const networks = found.filter((one) => isOf(plan, one)).map(({ network }) => network)
    const opened: Engine[] = []
    try {
      for (const network of new Set(networks)) {
        const [known] = await findStretched(present, opened, network)
        if (known) await takeBack(plan, known, report)
      }
    } finally {
      for (const engine of opened) await engine.close()
    }
  },
}

/** Parts what this migration joined to a network, where nobody else has come to depend on it. */
async function takeBack(plan: Plan, { network, memberships }: KnownNetwork, report: Report): Promise<void> {
  const joined = memberships.filter((one) => isOf(plan, one))
  const users = (await Promise.all(joined.map((one) => dependentsOn(plan, one)))).flat()
  if (users.length > 0) {
    const message = `${network} stays stretched, for ${users.join(', ')} may need it. When nothing does: wherry network unstretch ${network}`
    return report({ type: 'warning', code: 'still-stretched', message })
  }
  await part(joined, report)
  const others = memberships.filter((one) => !joined.includes(one))
  const ids = joined.map(({ engine }) => engine.info.ID)
  await forget(others, ids, report)
}

function isOf({ id }: Plan, { labels }: Pick<Membership, 'labels'>): boolean {
  return labels[migrationLabel] === id
}

/**
 * Who needs a link although this migration is undone: ghosts that other migrations left, and containers on the engine that got
 * the network. On the source they were there before.
 */
async function dependentsOn(plan: Plan, { engine, network }: Membership): Promise<string[]> {
  const others = (await containersOn(engine, network)).filter(
    ({ Labels }) => Labels[migrationLabel] !== plan.id,
  )
  return others
    .filter((one) =>
      isGhost(one) ? one.Labels[migrationLabel] !== undefined : engine.info.ID !== plan.source.id,
    )
    .map(({ Names }) => `${Names[0]?.slice(1)} on ${engine.name}`)
}
