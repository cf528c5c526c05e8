import { openLink } from '../../agent/link.ts'
import { relearn } from '../../agent/relearn.ts'
import type { Engine } from '../../engine/engine.ts'
import { type AgentMount, type RunningAgent, startAgent, treePath } from '../../launch/agent.ts'
import { ensureAgentImage } from '../../launch/image.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import { migrationLabel, type Plan, roleLabel, type TreePlan } from '../../model/plan.ts'
import { prepareAnnouncers } from '../announce.ts'
import type { Agents, Run, Step } from '../run.ts'

/** Starts an agent on each engine and opens the way between them. What an earlier run has copied is found again. */
export const startAgents: Step = {
  name: 'agents',
  async do(run) {
    await removeAgents(run)
    const { report } = run
    report({ type: 'phase', phase: 'agents', message: 'starting agents' })
    const agents = await openAgents(run, 'forth')
    run.agents = agents
    if (run.isResumed) {
      report({ type: 'phase', phase: 'relearn', message: `looking at what ${run.target.name} has already` })
      await relearnTrees(agents)
    }
    await prepareAnnouncers(run)
    return { link: agents.link.kind, detail: agents.link.detail }
  },
  undo: removeAgents,
}

/**
 * Starts an agent on each engine, with the trees mounted, and joins them. `back`: the target's agent is to send, and only
 * the source's trees can be written.
 */
export async function openAgents(run: Run, direction: 'forth' | 'back'): Promise<Agents> {
  const { plan, source, target, report } = run
  const { reference: image } = await ensureAgentImage(source, [target], report)
  await ensureAgentImage(target, [source], report)
  const forth = direction === 'forth'
  const start = (engine: Engine, side: string, mounts: AgentMount[]) =>
    startAgent(engine, { image, name: `wherry-${plan.id}-${side}`, labels: agentLabels(plan), mounts })
  const sourceAgent = await start(source, 'source', [
    ...plan.trees.map((tree) => ({ ...sourceMount(tree), readOnly: forth })),
    ...hostMount(plan),
  ])
  const targetMounts = await Promise.all(plan.trees.map((tree) => targetMount(target, plan, tree)))
  const targetAgent = await start(
    target,
    'target',
    targetMounts.map((mount) => ({ ...mount, readOnly: !forth })),
  )
  const ends = [
    { agent: sourceAgent, addresses: await addressesOf(source, sourceAgent) },
    { agent: targetAgent, addresses: await addressesOf(target, targetAgent) },
  ] as const
  const [from, to] = forth ? ends : ([ends[1], ends[0]] as const)
  const link = await openLink({
    source: from.agent.client,
    target: to.agent.client,
    path: plan.options.path,
    sourceAddresses: from.addresses,
    targetAddresses: to.addresses,
    report,
  })
  const callOff = () => {
    // For good: the round may be about to begin just now.
    const order = { reason: 'interrupted', forGood: true }
    // An agent that has ended already needs no order; its round fails by itself.
    for (const { agent } of ends) agent.client.request('abort', order).catch(() => {})
  }
  // Carrying back is itself a part of putting things back.
  if (forth && run.signal.aborted) callOff()
  else if (forth) run.signal.addEventListener('abort', callOff, { once: true })
  const trees = plan.trees.map(({ id }, index) => ({ id, path: treePath(index) }))
  return { sender: from.agent, receiver: to.agent, link, trees }
}

/** Lets the sender know what the receiver has, when neither remembers: the next round sends only what differs. */
export function relearnTrees({ sender, receiver, trees }: Agents): Promise<void> {
  return relearn({ source: sender.client, target: receiver.client, trees })
}

/** Takes both agents away, whoever started them. */
export async function removeAgents({ plan, source, target, agents }: Run): Promise<void> {
  agents?.sender.client.close()
  agents?.receiver.client.close()
  for (const engine of [source, target]) if (!engine.isAbsent) await removeAgentsOn(engine, plan)
}

/** Takes a migration's agents off one engine: while they are there, they hold the volumes that they mount. */
export async function removeAgentsOn(engine: Engine, { id }: Plan): Promise<void> {
  const labels = [`${migrationLabel}=${id}`, `${roleLabel}=agent`]
  for (const { Id } of await engine.containers.list({ labels })) await engine.containers.remove(Id)
}

export function agentLabels({ id }: Plan): Record<string, string> {
  return { [migrationLabel]: id, [roleLabel]: 'agent' }
}

/** Where an engine's host may be reached: as this process reaches it, and at the addresses that the host itself has. */
export async function addressesOf(engine: Engine, agent: RunningAgent): Promise<string[]> {
  const { addresses } = await agent.client.request('probe', {})
  return [...new Set([...remoteHost(engine), ...addresses])]
}

/** The host in an engine's URL, where it has one. */
export function remoteHost({ address: { url } }: Engine): string[] {
  const isRemote = ['tcp:', 'http:', 'https:', 'ssh:'].includes(url.protocol)
  return isRemote ? [url.hostname.replace(/^\[|\]$/g, '')] : []
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
export async function targetMount(target: Engine, plan: Plan, tree: TreePlan): Promise<AgentMount> {
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
