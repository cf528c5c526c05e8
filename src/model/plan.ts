import type { Manifest } from './manifest.ts'

/** Version of the plan as the journal keeps it. */
export const planVersion = 1

export type Mode = 'warm' | 'cold'
export type Consistency = 'clean' | 'crash'
export type BindTreatment = 'fail' | 'copy' | 'keep'
export type DataPath = 'auto' | 'direct' | 'relay'
/** `changed`: every block is checked where it is written. `full`: the target is also read back from its disk. */
export type Verification = 'changed' | 'full'

/** What the user asked for, in the words of the flags. */
export interface MigrateOptions {
  mode: Mode
  consistency: Consistency
  binds: BindTreatment
  path: DataPath
  /** Source network name to target network name: use the one that is there. */
  mapNetwork: Readonly<Record<string, string>>
  maxRounds: number
  verify: Verification
  /** Bytes a second; absent means no limit. */
  limitBytesPerSecond?: number
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
  /** `join`: the network is on the target already. */
  action: 'create' | 'join'
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
  restartPolicy: { Name: string; MaximumRetryCount?: number }
  wasRunning: boolean
  /** How the source is brought to rest for the final round. */
  rest: 'stop' | 'freeze'
}

/** What will be done, as data. Containers are sorted by the stage in which they start. */
export interface Plan {
  version: typeof planVersion
  id: string
  createdAt: string
  source: { engine: string; id: string }
  target: { engine: string; id: string }
  options: MigrateOptions
  containers: ContainerPlan[]
  networks: NetworkPlan[]
  volumes: VolumePlan[]
  trees: TreePlan[]
  /** Where bind mounts are copied to on the target's host. */
  bindDirectories: string[]
  /** How much is to be copied; at least that much where counting took too long. Absent until an agent has looked. */
  size?: { bytes: number; files: number; complete: boolean }
  warnings: Warning[]
}

/** The label that every object made on an engine carries; its value is the migration's id. */
export const migrationLabel = 'wherry.migration'
/** What a labelled object is for: `agent`, `lock`, `record`, `forwarding`, `target`. */
export const roleLabel = 'wherry.role'
