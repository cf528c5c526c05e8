import { setTimeout as delay } from 'node:timers/promises'
import { AgentClient } from '../agent/client.ts'
import type { Engine } from '../engine/engine.ts'
import { isRuntimeBreakOff } from '../engine/failures.ts'

/** One directory that an agent gets to see, at `/trees/<index>`. */
export type AgentMount =
  | { kind: 'volume'; volume: string; readOnly: boolean }
  | { kind: 'host'; path: string; readOnly: boolean }

export interface AgentSettings {
  image: string
  name: string
  labels: Record<string, string>
  mounts: readonly AgentMount[]
  /** It may see and end the host's processes, and freeze them where control groups are mounted. */
  hostProcesses?: boolean
  /** It may change the interfaces of the network that it is on. */
  networkAdmin?: boolean
  /** The network that it is on, with an address that the engine chooses; the host's own unless told. */
  network?: string
}

/** A running agent. `remove` is safe to call twice, and when it has gone by itself. */
export interface RunningAgent {
  client: AgentClient
  containerId: string
  /** Lets it end by itself, so that it lets go of what must not stay as it is: one that is removed is killed. */
  end(): Promise<void>
  remove(): Promise<void>
}

/** What reading and writing every kind of file needs; SYS_ADMIN is for attributes in the trusted namespace. */
const capabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'MKNOD',
  'SETFCAP',
  'SYS_ADMIN',
]

/** An agent that has not ended by itself by then does something that cannot be interrupted. */
const endMilliseconds = 10_000

/** Agents that are started as soon as they are created, unlike others of wherry's containers. */
const attachedLabel = 'wherry.attached'
/** One that was created so long ago and has not been started will not be. */
const abandonedSeconds = 600

/** Where the agent finds the mount of that index. */
export function treePath(index: number): string {
  return `/trees/${index}`
}

/**
 * Starts an agent on an engine and connects to it. It lives on its stdin: when the connection ends, whoever ended it,
 * the agent exits and the engine removes it.
 */
export async function startAgent(engine: Engine, settings: AgentSettings): Promise<RunningAgent> {
  return startOnce(engine, settings).catch((error) => {
    if (!isRuntimeBreakOff(error)) throw error
    return startOnce(engine, settings)
  })
}

async function startOnce(engine: Engine, settings: AgentSettings): Promise<RunningAgent> {
  const containerId = await engine.containers.create(settings.name, agentRequest(settings))
  const remove = () => engine.containers.remove(containerId, { volumes: true })
  try {
    await removeAbandoned(engine, containerId)
    const { stdin, stdout, stderr } = await engine.containers.attach(containerId)
    await engine.containers.start(containerId)
    const client = new AgentClient(stdin, stdout, `agent on ${engine.name}`)
    // Whoever waits for the agent is told by the client; a stream that ends late is nobody's business.
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {})
    stderr.on('data', (chunk: Buffer) => client.heard(chunk.toString()))
    return {
      client,
      containerId,
      end: async () => {
        client.close()
        const until = performance.now() + endMilliseconds
        while (performance.now() < until && (await engine.containers.inspect(containerId))?.State.Running)
          await delay(50)
      },
      remove: async () => {
        client.close()
        await remove()
      },
    }
  } catch (error) {
    await remove().catch(() => {})
    throw error
  }
}

/**
 * Takes away agents whose maker was killed before it had started them: they never end, so that their engine never removes them. By the
 * engine's own clock, of which the new agent tells.
 */
async function removeAbandoned(engine: Engine, newest: string): Promise<void> {
  // Tidying must not keep an agent from being started: what is wrong with the engine is told by what follows.
  const agents = await engine.containers.list({ labels: [attachedLabel] }).catch(() => [])
  const now = agents.find(({ Id }) => Id === newest)?.Created ?? 0
  for (const { Id, State, Created } of agents) {
    if (State !== 'created' || Created >= now - abandonedSeconds) continue
    // One that cannot be removed is in nobody's way.
    await engine.containers.remove(Id).catch(() => undefined)
  }
}

function agentRequest({
  image,
  labels,
  mounts,
  hostProcesses,
  networkAdmin,
  network = 'host',
}: AgentSettings): Record<string, unknown> {
  return {
    Image: image,
    Labels: { ...labels, [attachedLabel]: 'true' },
    User: '0:0',
    // A daemon that starts stops what it finds running, before it starts anything else: this must not take 10 s.
    StopSignal: 'SIGKILL',
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    HostConfig: {
      AutoRemove: true,
      NetworkMode: network,
      UsernsMode: 'host',
      CapDrop: ['ALL'],
      CapAdd: [...capabilities, ...(hostProcesses ? ['KILL'] : []), ...(networkAdmin ? ['NET_ADMIN'] : [])],
      // AppArmor's profile for containers lets no signals out.
      SecurityOpt: ['no-new-privileges', 'label=disable', ...(hostProcesses ? ['apparmor=unconfined'] : [])],
      ...(hostProcesses ? { PidMode: 'host', CgroupnsMode: 'host' } : {}),
      // What passes through stdout must not be written to a log on the engine's disk as well.
      LogConfig: { Type: 'none', Config: {} },
      Mounts: mounts.map((mount, index) => mountRequest(mount, index)),
    },
  }
}

function mountRequest(mount: AgentMount, index: number): Record<string, unknown> {
  const common = { Target: treePath(index), ReadOnly: mount.readOnly }
  return mount.kind === 'volume'
    ? { ...common, Type: 'volume', Source: mount.volume, VolumeOptions: { NoCopy: true } }
    : { ...common, Type: 'bind', Source: mount.path }
}
