import { type Forward, type ForwardSettings, place } from '../agent/forward/settings.ts'
import type { Engine } from '../engine/engine.ts'
import { createService } from '../launch/service.ts'
import type { ContainerDocument, ContainerSummary } from '../model/documents.ts'
import { RefusedError } from '../model/errors.ts'
import {
  type ForwardedPort,
  type ForwardPlan,
  forwardsLabel,
  migrationLabel,
  roleLabel,
  targetLabel,
} from '../model/plan.ts'

/** A forwarder as it is on an engine. */
export interface Forwarder {
  engine: string
  /** The container whose ports it passes on. */
  container: string
  target: string
  /** `running`, `restarting`, … */
  state: string
  migration: string
  id: string
  ports: { protocol: string; listen: string; target: string; proxyProtocol?: string }[]
}

/** What a forwarder is started for. */
export interface ForwarderRequest {
  image: string
  migration: string
  /** The target engine's name, for people. */
  target: string
  /** Every port with its `targetPort`. */
  plan: ForwardPlan
}

/** The name of a container's forwarder: there can be one on an engine. */
export function forwarderName(container: string): string {
  return `wherry-forward-${container}`
}

/**
 * Starts a forwarder on an engine, in place of one that this migration made with other settings, or that was set aside.
 * Fine if it runs already. Where the engine has its default bridge the ports are published as the container's were: the
 * host's firewall then treats them alike. Without it (`--bridge=none`) it listens on the host itself.
 * @throws RefusedError `forwarder-exists` where one of another migration runs.
 */
export async function startForwarder(engine: Engine, request: ForwarderRequest): Promise<string> {
  const { image, migration, target, plan } = request
  const isBridged = (await engine.networks.list()).some(({ Name }) => Name === 'bridge')
  const settings: ForwardSettings = { forwards: isBridged ? inContainer(plan) : onHost(plan) }
  const name = forwarderName(plan.container)
  const there = await engine.containers.inspect(name)
  const isOurs = there?.Config.Labels?.[migrationLabel] === migration
  if (there && isOurs && there.Config.Cmd?.[1] === JSON.stringify(settings)) {
    await engine.containers.start(there.Id)
    return there.Id
  }
  const isForwarder = there?.Config.Labels?.[roleLabel] === 'forwarder'
  if (there && !isOurs && (there.State.Running || !isForwarder))
    throw forwarderExists(engine.name, plan.container)
  if (there) await engine.containers.remove(there.Id)
  const id = await createService(engine, {
    image,
    name,
    kind: 'forward',
    labels: {
      [roleLabel]: 'forwarder',
      [migrationLabel]: migration,
      [forwardsLabel]: plan.container,
      [targetLabel]: target,
    },
    settings,
    capabilities: ['NET_BIND_SERVICE'],
    network: isBridged ? 'bridge' : 'host',
    ports: isBridged ? publishedPorts(plan.ports) : {},
  })
  await engine.containers.start(id)
  return id
}

/** Behind published ports it listens where the container did; what the host's ports are is the engine's business. */
function inContainer({ ports, hosts, proxyProtocol }: ForwardPlan): Forward[] {
  return ports.map(({ protocol, containerPort, targetPort }) => ({
    protocol,
    listen: { port: containerPort },
    target: { hosts, port: targetPort ?? 0 },
    ...(proxyProtocol && protocol === 'tcp' ? { proxyProtocol } : {}),
  }))
}

function onHost(plan: ForwardPlan): Forward[] {
  const forwards = inContainer(plan)
  return plan.ports.flatMap(({ bindings }, index) =>
    bindings.map(({ HostIp, HostPort }) => ({
      ...(forwards[index] as Forward),
      listen: { address: HostIp || '0.0.0.0', port: Number(HostPort) },
    })),
  )
}

function publishedPorts(ports: readonly ForwardedPort[]) {
  return Object.fromEntries(
    ports.map(({ protocol, containerPort, bindings }) => [`${containerPort}/${protocol}`, bindings]),
  )
}

/** @throws Error with what the forwarder says about targets that it cannot reach; a port that nobody listens on is none. */
export async function checkReach(engine: Engine, id: string): Promise<void> {
  const settings = (await engine.containers.inspect(id))?.Config.Cmd?.[1] ?? '{}'
  const command = ['node', '/wherry/dist/agent/main.js', 'reach', settings]
  const { exitCode, output } = await engine.containers.exec(id, command)
  if (exitCode !== 0) throw new Error(output.trim())
}

/** All forwarders on an engine; of one migration, or for one container, where told. */
export async function forwardersOn(
  engine: Engine,
  only: { migration?: string; container?: string } = {},
): Promise<Forwarder[]> {
  const labels = [`${roleLabel}=forwarder`]
  if (only.migration) labels.push(`${migrationLabel}=${only.migration}`)
  if (only.container) labels.push(`${forwardsLabel}=${only.container}`)
  const list = await engine.containers.list({ labels })
  const documents = await Promise.all(list.map(({ Id }) => engine.containers.inspect(Id)))
  return documents.flatMap((document) => (document ? [forwarderOf(engine, document)] : []))
}

/** Removes forwarders from an engine; those of one migration, or for one container. Gives what it removed. */
export async function removeForwarders(
  engine: Engine,
  only: { migration: string } | { container: string },
): Promise<Forwarder[]> {
  const found = await forwardersOn(engine, only)
  for (const { id } of found) await engine.containers.remove(id)
  return found
}

/** Takes a container's forwarder off its ports for the container itself to have them: stopped, also when its engine restarts. */
export async function setForwarderAside(engine: Engine, container: string): Promise<void> {
  for (const { id } of await forwardersOn(engine, { container })) {
    await engine.containers.setRestartPolicy(id, { Name: 'no', MaximumRetryCount: 0 })
    await engine.containers.stop(id)
  }
}

/** Lets a forwarder that was set aside have its ports again. */
export async function putForwarderBack(engine: Engine, container: string): Promise<void> {
  for (const { id } of await forwardersOn(engine, { container })) {
    await engine.containers.setRestartPolicy(id, { Name: 'always', MaximumRetryCount: 0 })
    await engine.containers.start(id)
  }
}

/** Whether a listed container is the running forwarder for a container. */
export function isForwarderFor(container: string, { Labels, State }: ContainerSummary): boolean {
  return State === 'running' && Labels[roleLabel] === 'forwarder' && Labels[forwardsLabel] === container
}

function forwarderOf({ name }: Engine, { Id, Config, HostConfig, State }: ContainerDocument): Forwarder {
  const labels = Config.Labels ?? {}
  const { forwards = [] } = JSON.parse(Config.Cmd?.[1] ?? '{}') as Partial<ForwardSettings>
  return {
    engine: name,
    container: labels[forwardsLabel] ?? '',
    target: labels[targetLabel] ?? '',
    state: State.Status,
    migration: labels[migrationLabel] ?? '',
    id: Id,
    ports: forwards.flatMap(({ protocol, listen, target, proxyProtocol }) => {
      const bindings = HostConfig.PortBindings?.[`${listen.port}/${protocol}`]
      const onHost = [{ HostIp: listen.address ?? '', HostPort: String(listen.port) }]
      return (bindings ?? onHost).map(({ HostIp = '', HostPort = '' }) => ({
        protocol,
        listen: place(HostIp, Number(HostPort)),
        target: place(target.hosts[0] ?? '', target.port),
        ...(proxyProtocol ? { proxyProtocol } : {}),
      }))
    }),
  }
}

/** The refusal where a container's forwarder of an earlier move is in the way. */
export function forwarderExists(engine: string, container: string): RefusedError {
  return new RefusedError('forwarder-exists', `${engine} has a forwarder for ${container} already.`, {
    suggestions: [`Remove it: wherry forward remove ${container} --on ${engine}`],
    data: { engine, container },
  })
}
