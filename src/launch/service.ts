import type { EndpointRequest } from '../engine/containers.ts'
import type { Engine } from '../engine/engine.ts'

/** What a long-lived helper of wherry does, each a program of the agent's image (src/agent/main.ts). */
export type ServiceKind = 'forward' | 'ghost' | 'stretch'

/** A helper that stays on an engine and starts with it. */
export interface ServiceRequest {
  /** The agent's image, or one made from it. */
  image: string
  name: string
  kind: ServiceKind
  labels: Record<string, string>
  /** What the program is told, as JSON; everybody who may inspect containers can read it. */
  settings: object
  /** What is not for everybody on the host: whoever may inspect containers can still read it. */
  environment?: Record<string, string>
  capabilities: readonly string[]
  /** What asks it to end; SIGKILL unless told, for most keep nothing and a daemon that stops must not wait for them. */
  stopSignal?: string
  /** `host`, `none`, `bridge`, or a network whose endpoint is in `endpoint`. */
  network: string
  endpoint?: EndpointRequest
  /** As in `HostConfig.PortBindings`. */
  ports?: Record<string, { HostIp: string; HostPort: string }[]>
}

/** Creates a helper, not started, and gives its id. The engine starts it again whenever the daemon starts. */
export function createService(engine: Engine, request: ServiceRequest): Promise<string> {
  const { image, name, kind, labels, settings, capabilities, network, endpoint, ports = {} } = request
  const { stopSignal = 'SIGKILL', environment = {} } = request
  return engine.containers.create(name, {
    Image: image,
    Cmd: [kind, JSON.stringify(settings)],
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    Labels: labels,
    User: '0:0',
    StopSignal: stopSignal,
    ExposedPorts: Object.fromEntries(Object.keys(ports).map((port) => [port, {}])),
    HostConfig: {
      NetworkMode: network,
      PortBindings: ports,
      RestartPolicy: { Name: 'always' },
      CapDrop: ['ALL'],
      CapAdd: [...capabilities],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
    },
    ...(endpoint ? { NetworkingConfig: { EndpointsConfig: { [network]: endpoint } } } : {}),
  })
}
