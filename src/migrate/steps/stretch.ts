import { migrationLabel } from '../../model/plan.ts'
import { withMembers } from '../../network/members.ts'
import { membershipsOn } from '../../network/membership.ts'
import { defaultPort, stretchNetwork } from '../../network/stretch.ts'
import { part } from '../../network/unstretch.ts'
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
        const made = await stretchNetwork({ network, engines, port: defaultPort, labels, report })
        links.push(...made.links)
      })
    }
    return { stretched: names, links }
  },
  async undo({ plan, source, target, report }) {
    for (const engine of [source, target]) {
      if (engine.isAbsent) continue
      for (const membership of await membershipsOn(engine)) {
        if (membership.labels[migrationLabel] === plan.id) await part([membership], report)
      }
    }
  },
}
