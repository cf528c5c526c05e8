import type { EndpointRequest } from '../../engine/containers.ts'
import { ensureAgentImage } from '../../launch/image.ts'
import { migrationLabel, roleLabel } from '../../model/plan.ts'
import { letsChoose, removePlugs } from '../../network/addresses.ts'
import { wayBackLabels } from '../plan-label.ts'
import type { Run, Step } from '../run.ts'

/**
 * Creates the containers on the target, not started. This early, because everything that an engine could object to then
 * comes up while the source still runs, and because the writable layers must be there to be written to.
 */
export const createContainers: Step = {
  name: 'containers',
  async do(run) {
    const { plan, target } = run
    const ids: Record<string, string> = {}
    const fixed = await networksWithoutChoice(run)
    const wayBack = wayBackLabels(plan)
    for (const { name, request, connections } of plan.containers) {
      const there = await target.containers.inspect(name)
      const isOurs = there?.Config.Labels?.[migrationLabel] === plan.id
      ids[name] =
        there && isOurs
          ? there.Id
          : await target.containers.create(name, withLabels(withoutChoice(request, fixed), wayBack))
      for (const { network, endpoint } of connections) {
        if (isOurs && there?.NetworkSettings.Networks[network]) continue
        const asked = fixed.includes(network) ? { ...endpoint, IPAMConfig: {} } : endpoint
        await target.networks.connect(network, name, asked as EndpointRequest)
      }
    }
    return { ids }
  },
  async undo({ plan, target }) {
    const labels = [`${migrationLabel}=${plan.id}`, `${roleLabel}=target`]
    for (const { Id, Names } of await target.containers.list({ labels })) {
      await target.containers.remove(Id, { volumes: true, name: Names[0]?.slice(1) ?? Id })
    }
    await removePlugs(target, [`${migrationLabel}=${plan.id}`])
  },
}

/** The stretched networks on which the target lets nobody choose an address. */
async function networksWithoutChoice({ plan, source, target, report }: Run): Promise<string[]> {
  const stretched = plan.networks.filter(({ action }) => action === 'stretch')
  if (stretched.length === 0) return []
  const { reference } = await ensureAgentImage(target, [source], report)
  // What a run that died has left has addresses that are wanted now.
  await removePlugs(target, [`${migrationLabel}=${plan.id}`])
  const labels = { [migrationLabel]: plan.id }
  const found: string[] = []
  for (const { name } of stretched) if (!(await letsChoose(target, name, reference, labels))) found.push(name)
  return found
}

/** Leaves the addresses out where they cannot be asked for; they are seen to at the start. */
function withoutChoice(
  request: Record<string, unknown>,
  networks: readonly string[],
): Record<string, unknown> {
  const { EndpointsConfig = {} } = (request.NetworkingConfig ?? {}) as {
    EndpointsConfig?: Record<string, object>
  }
  const endpoints = Object.entries(EndpointsConfig).map(([network, endpoint]) => [
    network,
    networks.includes(network) ? { ...endpoint, IPAMConfig: {} } : endpoint,
  ])
  return { ...request, NetworkingConfig: { EndpointsConfig: Object.fromEntries(endpoints) } }
}

function withLabels(
  request: Record<string, unknown>,
  labels: Record<string, string>,
): Record<string, unknown> {
  return { ...request, Labels: { ...(request.Labels as object), ...labels } }
}
