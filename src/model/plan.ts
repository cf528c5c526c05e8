import type { Ghost } from './ghost.ts'
import type { Manifest } from './manifest.ts'

/** Version of the plan as the journal keeps it. */
export const planVersion = 2

export type Mode = 'warm' | 'cold'
export type Consistency = 'clean' | 'crash'
export type BindTreatment = 'fail' | 'copy' | 'keep'
/** How a forwarder tells the target who the client is: the PROXY protocol's version 1 (a line of text) or 2 (binary). */
export type ProxyProtocol = 'v1' | 'v2'
export type DataPath = 'auto' | 'direct' | 'relay'
/** `changed`: every block is checked where it is written. `full`: the target is also read back from its disk. */
export type Verification = 'changed' | 'full'

/** Where one port of a container is to be published. */
export interface PortMapping {
  /** Absent: of the containers that move, the one that publishes it. */
  container?: string
  /** As the API says it: `80/tcp`. */
  port: string
  /** Absent: on the addresses on which it is published now. */
  hostIp?: string
  hostPort: string
}

/** What the user asked for, in the words of the flags. */
export interface MigrateOptions {
  mode: Mode
  consistency: Consistency
  binds: BindTreatment
  path: DataPath
  /** Source network name to target network name: use the one that is there. */
  mapNetwork: Readonly<Record<string, string>>
  /** Join the networks of both engines, so that peers that stay are reached as before. */
  stretch: boolean
  /** Peers that stay lose the container, and it loses them. */
  leavePeers: boolean
  /** Source network name to interface of the target's host: what a network that is made there lies on. */
  mapParent?: Readonly<Record<string, string>>
  /** Publish ports otherwise than they are now. */
  mapPort?: readonly PortMapping[]
  maxRounds: number
  verify: Verification
  /** Bytes a second; absent means no limit. */
  limitBytesPerSecond?: number
  /** A forwarder stays on the source for the published ports. */
  forward?: { proxyProtocol?: ProxyProtocol }
}

/** Something the user should know before the first byte moves, and again in the result. */
export interface Warning {
  code: string
  message: string
}

/** A reason not to begin. Nothing has changed. */
export interface Refusal {
  code: string
  message: string
  suggestions: string[]
}

/** A directory that the agents keep equal. */
export interface TreePlan {
  /** Unique in the plan: `volume:NAME`, `anonymous:CONTAINER:PATH`, `layer:CONTAINER` or `bind:PATH`. */
  id: string
  kind: 'volume' | 'anonymous' | 'layer' | 'bind'
  container: string
  /** The path inside the container; `/` for the writable layer. */
  destination: string
  /** The volume's name or the host path on the source engine. */
  source: string
}

export interface VolumePlan {
  name: string
  driver: string
  options: Record<string, string>
  labels: Record<string, string>
}

export interface NetworkPlan {
  name: string
  /** `join`: the network is on the target already. `stretch`: it becomes, or is, one with that on the source. */
  action: 'create' | 'join' | 'stretch'
  /** The body of `POST /networks/create`, for `create`. */
  request: Record<string, unknown>
}

export interface ImagePlan {
  id: string
  reference: string
  /** `present`: the target has this id. `tag`: it does, under another name. `transfer`: pull it, or stream its missing layers. */
  action: 'present' | 'tag' | 'transfer'
  /** What the container is created from on the target. */
  createFrom: string
  repoDigests: string[]
  layers: string[]
  sizeBytes: number
}

/** One port of a container that is passed on. */
export interface ForwardedPort {
  protocol: 'tcp' | 'udp'
  containerPort: number
  /** Where clients find it on the source's host. */
  bindings: { HostIp: string; HostPort: string }[]
  /** Where the target publishes it; absent while the target's engine has not chosen yet. */
  targetPort?: number
}

/** The forwarder of one container. */
export interface ForwardPlan {
  container: string
  /** Addresses at which the source's host reaches the target's. */
  hosts: string[]
  proxyProtocol?: ProxyProtocol
  ports: ForwardedPort[]
}

export interface ContainerPlan {
  name: string
  sourceId: string
  /** Containers of one stage start together, after those of lower stages; they stop in the reverse order. */
  stage: number
  manifest: Manifest
  image: ImagePlan
  /** The body of `POST /containers/create`, with restarts off: the policy is set after the commit point. */
  request: Record<string, unknown>
  /** Further endpoints, connected after the creation. */
  connections: { network: string; endpoint: Record<string, unknown> }[]
  /** Addresses whose neighbours are told where they are when the container has started. */
  announced?: string[]
  /** Addresses on networks of the source that are given out for a whole cluster, and that it will have again. */
  held?: { network: string; ipv4: string }[]
  restartPolicy: { Name: string; MaximumRetryCount?: number }
  wasRunning: boolean
  /** How the source is brought to rest for the final round. */
  rest: 'stop' | 'freeze'
}

/** Who stands in for whom where networks are stretched. */
export interface GhostsPlan {
  /** For the containers that move, on the engine that they leave. */
  onSource: Ghost[]
  /** For their peers that stay, on the engine to which they move. */
  onTarget: Ghost[]
  /** Ghosts of the containers that move, on the engine to which they come back: they give way. */
  givingWay: Ghost[]
}

/** What will be done, as data. Containers are sorted by the stage in which they start. */
export interface Plan {
  version: typeof planVersion
  id: string
  createdAt: string
  source: { engine: string; id: string }
  target: { engine: string; id: string }
  /** Of a restore: the snapshot that stands where a migration has its source. */
  snapshot?: { id: string; repo: string }
  options: MigrateOptions
  containers: ContainerPlan[]
  networks: NetworkPlan[]
  ghosts: GhostsPlan
  volumes: VolumePlan[]
  trees: TreePlan[]
  /** Where bind mounts are copied to on the target's host. */
  bindDirectories: string[]
  /** What stays on the source with `--forward`. */
  forwards?: ForwardPlan[]
  /** Containers that come back to an engine whose forwarder for them has their ports. */
  setAside?: string[]
  /** How much is to be copied; at least that much where counting took too long. Absent until an agent has looked. */
  size?: { bytes: number; files: number; complete: boolean }
  warnings: Warning[]
}

/** The label that every object made on an engine carries; its value is the migration's id. */
export const migrationLabel = 'wherry.migration'
/** What a labelled object is for: `agent`, `lock`, `record`, `forwarding`, `target`, `ghost`, `stretch`, `forwarder`. */
export const roleLabel = 'wherry.role'
/** Of a forwarder: the name of the container whose ports it passes on, and of the engine that they go to. */
export const forwardsLabel = 'wherry.forwards'
export const targetLabel = 'wherry.target'
