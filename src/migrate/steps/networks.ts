import { migrationLabel } from '../../model/plan.ts'
import type { Step } from '../run.ts'

/** Makes the networks again on the target. */
export const createNetworks: Step = {
  name: 'networks',
  async do({ plan, target }) {
    const created: string[] = []
    const ours = (await target.networks.list()).filter(({ Labels }) => Labels?.[migrationLabel] === plan.id)
    for (const { name, action, request } of plan.networks) {
      if (action !== 'create' || ours.some(({ Name }) => Name === name)) continue
      await target.networks.create(request)
      created.push(name)
    }
    return { created }
  },
  async undo({ plan, target }) {
    for (const network of await target.networks.list()) {
      if (network.Labels?.[migrationLabel] === plan.id) await target.networks.remove(network.Id, network.Name)
    }
  },
}
