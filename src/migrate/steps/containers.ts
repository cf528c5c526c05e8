import type { EndpointRequest } from '../../engine/containers.ts'
import { migrationLabel, roleLabel } from '../../model/plan.ts'
import { wayBackLabels } from '../plan-label.ts'
import type { Step } from '../run.ts'

/**
 * Creates the containers on the target, not started. This early, because everything that an engine could object to then
 * comes up while the source still runs, and because the writable layers must be there to be written to.
 */
export const createContainers: Step = {
  name: 'containers',
  async do({ plan, target }) {
    const ids: Record<string, string> = {}
    const wayBack = wayBackLabels(plan)
    for (const { name, request, connections } of plan.containers) {
      const there = await target.containers.inspect(name)
      const isOurs = there?.Config.Labels?.[migrationLabel] === plan.id
      ids[name] =
        there && isOurs ? there.Id : await target.containers.create(name, withLabels(request, wayBack))
      for (const { network, endpoint } of connections) {
        if (isOurs && there?.NetworkSettings.Networks[network]) continue
        await target.networks.connect(network, name, endpoint as EndpointRequest)
      }
    }
    return { ids }
  },
  async undo({ plan, target }) {
    const labels = [`${migrationLabel}=${plan.id}`, `${roleLabel}=target`]
    for (const { Id, Names } of await target.containers.list({ labels })) {
      await target.containers.remove(Id, { volumes: true, name: Names[0]?.slice(1) ?? Id })
    }
  },
}

function withLabels(
  request: Record<string, unknown>,
  labels: Record<string, string>,
): Record<string, unknown> {
  return { ...request, Labels: { ...(request.Labels as object), ...labels } }
}
