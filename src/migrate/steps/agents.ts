import { openLink } from '../../agent/link.ts'
import type { Engine } from '../../engine/engine.ts'
import { type AgentMount, type RunningAgent, startAgent, treePath } from '../../launch/agent.ts'
import { ensureAgentImage } from '../../launch/image.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import { migrationLabel, type Plan, roleLabel, type TreePlan } from '../../model/plan.ts'
import type { Run, Step } from '../run.ts'

/** Starts an agent on each engine and opens the way between them. */
export const startAgents: Step = {
  name: 'agents',
  async do(run) {
    const { plan, source, target, report } = run
    const { reference: image } = await ensureAgentImage(source, [target], report)
    await ensureAgentImage(target, [source], report)
    report({ type: 'phase', phase: 'agents', message: 'starting agents' })
    const mounts = await Promise.all(plan.trees.map((tree) => targetMount(target, plan, tree)))
    const sourceAgent = await startAgent(source, {
      image,
      name: agentName(plan, 'source'),
      labels: agentLabels(plan),
      mounts: [...plan.trees.map(sourceMount), ...hostMount(plan)],
    })
    const targetAgent = await startAgent(target, {
      image,
      name: agentName(plan, 'target'),
      labels: agentLabels(plan),
      mounts,
    })
    const link = await openLink({
      source: sourceAgent.client,
      target: targetAgent.client,
      path: plan.options.path,
      sourceAddresses: await addressesOf(source, sourceAgent),
      targetAddresses: await addressesOf(target, targetAgent),
      report,
    })
    const trees = plan.trees.map(({ id }, index) => ({ id, path: treePath(index) }))
    run.agents = { source: sourceAgent, target: targetAgent, link, trees }
    return { link: link.kind, detail: link.detail }
  },
  undo: removeAgents,
}

/** Takes both agents away, whoever started them. */
export async function removeAgents({ plan, source, target, agents }: Run): Promise<void> {
  agents?.source.client.close()
  agents?.target.client.close()
  const labels = [`${migrationLabel}=${plan.id}`, `${roleLabel}=agent`]
  for (const engine of [source, target]) {
    for (const { Id } of await engine.containers.list({ labels })) await engine.containers.remove(Id)
  }
}

function agentName({ id }: Plan, side: string): string {
  return `wherry-${id}-${side}`
}

function agentLabels({ id }: Plan): Record<string, string> {
  return { [migrationLabel]: id, [roleLabel]: 'agent' }
}

/** Where an engine's host may be reached: as this process reaches it, and at the addresses that the host itself has. */
async function addressesOf({ address: { url } }: Engine, agent: RunningAgent): Promise<string[]> {
  const remote = ['tcp:', 'http:', 'https:', 'ssh:'].includes(url.protocol)
  const { addresses } = await agent.client.request('probe', {})
  return [...new Set([...(remote ? [url.hostname.replace(/^\[|\]$/g, '')] : []), ...addresses])]
}

/** A tree as the source agent mounts it: read-only. */
export function sourceMount({ kind, source }: TreePlan): AgentMount {
  return kind === 'layer' || kind === 'bind'
    ? { kind: 'host', path: source, readOnly: true }
    : { kind: 'volume', volume: source, readOnly: true }
}

/** The host's root, behind the trees, where bind mounts of others have to be told from those that are copied. */
function hostMount({ trees }: Plan): AgentMount[] {
  return trees.some(({ kind }) => kind === 'bind') ? [{ kind: 'host', path: '/', readOnly: true }] : []
}

/** Where a tree goes on the target: what the engine made for the new container there is known only now. */
async function targetMount(target: Engine, plan: Plan, tree: TreePlan): Promise<AgentMount> {
  if (tree.kind === 'volume') return { kind: 'volume', volume: tree.source, readOnly: false }
  if (tree.kind === 'bind') return { kind: 'host', path: tree.source, readOnly: false }
  const container = await target.containers.inspect(tree.container)
  if (tree.kind === 'layer') {
    const path = container?.GraphDriver?.Data?.UpperDir
    if (path) return { kind: 'host', path, readOnly: false }
  } else {
    const mount = container?.Mounts.find(({ Destination }) => Destination === tree.destination)
    if (mount?.Name) return { kind: 'volume', volume: mount.Name, readOnly: false }
  }
  throw new WherryError(
    'no-place-on-target',
    exitCodes.unexpected,
    `${target.name} has no place for ${tree.destination} of ${tree.container} (migration ${plan.id}).`,
  )
}
