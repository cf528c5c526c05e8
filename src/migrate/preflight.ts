import { isIPv6 } from 'node:net'
import { joinDirectly } from '../agent/link.ts'
import { networkDrivers } from '../drivers/network/drivers.ts'
import type { Engine } from '../engine/engine.ts'
import { type AgentMount, type RunningAgent, startAgent, treePath } from '../launch/agent.ts'
import { agentImageReference, ensureAgentImage } from '../launch/image.ts'
import { RefusedError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import { type MigrateOptions, migrationLabel, type Plan, type Refusal, roleLabel } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'
import { planExtent } from '../network/extent.ts'
import { withMembers } from '../network/members.ts'
import { sharedPaths } from './checks/sharing.ts'
import { type Facts, gatherFacts, type HostFacts } from './facts.ts'
import { assertNotLocked } from './locking.ts'
import { assertAddresses } from './out-of-reach.ts'
import { planMigration } from './plan.ts'
import { remoteHost, sourceMount } from './steps/agents.ts'

interface Preflight {
  id: string
  source: Engine
  target: Engine
  names: readonly string[]
  options: MigrateOptions
  report: Report
  /** The agents' image stays where it was brought when the plan is going to be carried out. */
  keepImages: boolean
}

/**
 * Looks at both engines and makes the plan. What the engines' own API tells is checked first; only then do agents look at
 * disks, host paths and ports. When it refuses, nothing is left behind, not even the agent's image where it had to be brought.
 * @throws RefusedError with every reason, not only the first.
 */
export async function preflight(context: Preflight): Promise<Plan> {
  const { id, source, target, names, options, report } = context
  report({ type: 'phase', phase: 'preflight', message: `looking at ${source.name} and ${target.name}` })
  const createdAt = new Date().toISOString()
  const facts = await gatherFacts(source, target, names)
  await assertNotLocked(source, facts.manifests)
  const first = planMigration(id, createdAt, facts, options)
  refuse(first.refusals)
  await planStretching(source, target, first.plan)
  const brought: Engine[] = []
  try {
    const seen = await lookWithAgents(context, facts, first.plan, brought)
    const { plan, refusals } = planMigration(id, createdAt, { ...facts, ...seen }, options)
    refuse(refusals)
    await assertAddresses(source, target, plan, await agentImageReference())
    if (context.keepImages) brought.length = 0
    return plan
  } finally {
    const reference = await agentImageReference()
    for (const engine of brought) await engine.images.remove(reference).catch(() => {})
  }
}

/** @throws RefusedError with every reason, where there is one. */
export function refuse(refusals: readonly Refusal[]): void {
  const [first, ...others] = refusals
  if (!first) return
  const message =
    others.length === 0
      ? first.message
      : [
          `${refusals.length} reasons not to begin:`,
          ...refusals.map((refusal) => `  - ${refusal.message}`),
        ].join('\n')
  const suggestions = [...new Set(refusals.flatMap((refusal) => refusal.suggestions))]
  throw new RefusedError(first.code, message, { suggestions, data: { refusals } })
}

/** Whether the networks can be joined. @throws RefusedError with the reason why one cannot. */
async function planStretching(source: Engine, target: Engine, { networks }: Plan): Promise<void> {
  for (const { name, action } of networks) {
    if (action === 'stretch') await withMembers(source, target, name, (engines) => planExtent(name, engines))
  }
}

type Seen = Pick<Facts, 'sourceHost' | 'targetHost' | 'targetAddresses' | 'size'>

async function lookWithAgents(
  { id, source, target, options, report }: Preflight,
  { manifests, sourceContainers }: Facts,
  plan: Plan,
  brought: Engine[],
): Promise<Seen> {
  const agents: RunningAgent[] = []
  const start = async (engine: Engine, other: Engine, side: string, mounts: readonly AgentMount[]) => {
    const image = await ensureAgentImage(engine, [other], report)
    if (image.brought) brought.push(engine)
    const agent = await startAgent(engine, {
      image: image.reference,
      name: `wherry-${id}-look-${side}`,
      labels: { [migrationLabel]: id, [roleLabel]: 'agent' },
      mounts,
    })
    agents.push(agent)
    return agent
  }
  const host: AgentMount = { kind: 'host', path: '/', readOnly: true }
  const paths = manifests.flatMap(hostPathsOf)
  try {
    const targetAgent = await start(target, source, 'target', [host])
    const sourceAgent = await start(source, target, 'source', [host, ...plan.trees.map(sourceMount)])
    const [targetHost, sourceHost, sizes] = await Promise.all([
      lookAtHost(targetAgent, target.info.DockerRootDir, paths),
      lookAtHost(sourceAgent, source.info.DockerRootDir, [
        ...paths,
        ...sharedPaths(manifests, sourceContainers),
      ]),
      Promise.all(
        plan.trees.map((_, index) =>
          sourceAgent.client.request('measureTree', { path: treePath(index + 1) }),
        ),
      ),
    ])
    const size = {
      bytes: sizes.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0),
      files: sizes.reduce((sum, { files }) => sum + files, 0),
      complete: sizes.every(({ complete }) => complete),
    }
    const targetAddresses = options.forward
      ? await addressesFrom(sourceAgent, targetAgent, target, targetHost.addresses)
      : []
    return { targetHost, sourceHost, targetAddresses, size }
  } finally {
    await Promise.all(agents.map((agent) => agent.remove()))
  }
}

/**
 * The address at which the source's host reaches the target's: one at which its agent proves to be there, IPv4 first. Where a
 * firewall lets nothing but published ports through, the one that we use ourselves has to do.
 */
async function addressesFrom(
  sourceAgent: RunningAgent,
  targetAgent: RunningAgent,
  target: Engine,
  known: readonly string[],
): Promise<string[]> {
  const own = remoteHost(target)
  const all = [...new Set([...own, ...known])]
  for (const addresses of [all.filter((address) => !isIPv6(address)), all.filter(isIPv6)]) {
    if (addresses.length === 0) continue
    const found = await joinDirectly(targetAgent.client, sourceAgent.client, addresses, 3).catch(
      () => undefined,
    )
    if (found) return [found.address]
  }
  return own
}

/** What a container uses of its engine's host: bind mounts and devices. */
function hostPathsOf({ mounts, hostConfig }: Manifest): string[] {
  const binds = mounts.filter(({ kind }) => kind === 'bind').map(({ source }) => source)
  return [...binds, ...(hostConfig.Devices ?? []).map(({ PathOnHost }) => PathOnHost)]
}

/** Asks an agent that has the host's root at `/trees/0`. */
async function lookAtHost(
  agent: RunningAgent,
  rootDirectory: string,
  paths: readonly string[],
): Promise<HostFacts> {
  const answer = await agent.client.request('probe', {
    root: treePath(0),
    statfs: [rootDirectory],
    exist: [...paths],
    networkNamespacePorts: true,
    modules: [...new Set(networkDrivers.flatMap(({ kernelModule }) => kernelModule ?? []))],
  })
  const disk = answer.fileSystems[0]
  return {
    freeBytes: disk?.freeBytes ?? Number.POSITIVE_INFINITY,
    // Some file systems make inodes as they need them, and say that they have none at all.
    freeInodes: disk?.totalInodes ? (disk.freeInodes ?? 0) : Number.POSITIVE_INFINITY,
    paths: Object.fromEntries(
      answer.paths.map(({ path, real, kind, isEmpty }) => [path, { real, kind, isEmpty: isEmpty === true }]),
    ),
    addresses: answer.addresses,
    interfaces: answer.interfaces,
    modules: answer.modules,
    listeningPorts: answer.ports ?? [],
  }
}
