/**
 * The parts of the Docker API's documents that wherry reads, in the API's own names (Docker Engine API 1.41 to 1.51).
 * Everything else in a document is carried along untouched: hence the index signatures.
 */

export interface PortBinding {
  HostIp?: string
  HostPort?: string
}

export interface EndpointDocument {
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] } | null
  Links?: string[] | null
  Aliases?: string[] | null
  MacAddress?: string
  DriverOpts?: Record<string, string> | null
  GwPriority?: number
  NetworkID?: string
  EndpointID?: string
  Gateway?: string
  IPAddress?: string
  IPPrefixLen?: number
  IPv6Gateway?: string
  GlobalIPv6Address?: string
  GlobalIPv6PrefixLen?: number
  DNSNames?: string[] | null
}

export interface HealthcheckDocument {
  Test?: string[]
  Interval?: number
  Timeout?: number
  Retries?: number
  StartPeriod?: number
}

export interface ContainerConfig {
  Hostname?: string
  Domainname?: string
  User?: string
  Image: string
  Env?: string[] | null
  Cmd?: string[] | null
  Entrypoint?: string[] | null
  Labels?: Record<string, string> | null
  Volumes?: Record<string, object> | null
  ExposedPorts?: Record<string, object> | null
  Healthcheck?: HealthcheckDocument
  MacAddress?: string
  StopSignal?: string
  StopTimeout?: number
  Shell?: string[] | null
  Tty?: boolean
  [field: string]: unknown
}

export interface MountRequest {
  Type: string
  Source?: string
  Target: string
  ReadOnly?: boolean
  VolumeOptions?: {
    NoCopy?: boolean
    Subpath?: string
    DriverConfig?: { Name?: string; Options?: Record<string, string> }
    Labels?: Record<string, string>
  }
  [field: string]: unknown
}

export interface DeviceMapping {
  PathOnHost: string
  PathInContainer: string
  CgroupPermissions: string
}

export interface HostConfig {
  Binds?: string[] | null
  Mounts?: MountRequest[] | null
  NetworkMode?: string
  PortBindings?: Record<string, PortBinding[] | null> | null
  PublishAllPorts?: boolean
  RestartPolicy?: { Name: string; MaximumRetryCount?: number }
  AutoRemove?: boolean
  Links?: string[] | null
  VolumesFrom?: string[] | null
  Tmpfs?: Record<string, string> | null
  Devices?: DeviceMapping[] | null
  DeviceRequests?: unknown[] | null
  PidMode?: string
  IpcMode?: string
  UTSMode?: string
  Runtime?: string
  LogConfig?: { Type: string; Config?: Record<string, string> }
  VolumeDriver?: string
  Privileged?: boolean
  ContainerIDFile?: string
  [field: string]: unknown
}

export interface MountPoint {
  Type: string
  Name?: string
  Source: string
  Destination: string
  Driver?: string
  Mode?: string
  RW: boolean
  Propagation?: string
}

export interface ContainerState {
  Status: string
  Running: boolean
  Paused: boolean
  Restarting: boolean
  OOMKilled: boolean
  Dead: boolean
  Pid: number
  ExitCode: number
  Error: string
  StartedAt: string
  FinishedAt: string
  Health?: { Status: string; Log?: { ExitCode: number; Output: string }[] | null }
}

export interface ContainerDocument {
  Id: string
  Name: string
  Created: string
  Image: string
  Platform?: string
  Driver?: string
  GraphDriver?: { Name: string; Data: Record<string, string> | null } | null
  State: ContainerState
  Config: ContainerConfig
  HostConfig: HostConfig
  Mounts: MountPoint[]
  NetworkSettings: {
    Ports?: Record<string, PortBinding[] | null> | null
    Networks: Record<string, EndpointDocument>
  }
  SizeRw?: number
  [field: string]: unknown
}

export interface VolumeDocument {
  Name: string
  Driver: string
  Mountpoint: string
  Labels: Record<string, string> | null
  Options: Record<string, string> | null
  Scope: string
  CreatedAt?: string
}

export interface NetworkDocument {
  Id: string
  Name: string
  Driver: string
  Scope: string
  EnableIPv4?: boolean
  EnableIPv6: boolean
  Internal: boolean
  Attachable: boolean
  Ingress: boolean
  ConfigOnly?: boolean
  IPAM: {
    Driver?: string
    Options?: Record<string, string> | null
    Config?:
      | {
          Subnet?: string
          Gateway?: string
          IPRange?: string
          AuxiliaryAddresses?: Record<string, string> | null
        }[]
      | null
  }
  Options: Record<string, string> | null
  Labels: Record<string, string> | null
  Containers?: Record<
    string,
    { Name: string; IPv4Address: string; IPv6Address: string; MacAddress: string }
  > | null
}

export interface ImageDocument {
  Id: string
  RepoTags: string[] | null
  RepoDigests: string[] | null
  Architecture: string
  Os: string
  Variant?: string
  Size: number
  RootFS: { Type: string; Layers?: string[] }
  Config: ContainerConfig | null
}

/** An entry of the engine's container list. */
export interface ContainerSummary {
  Id: string
  /** Its own name, and as `/OTHER/ALIAS` those under which others on the default bridge are linked to it. */
  Names: string[]
  Image: string
  ImageID: string
  /** Seconds since 1970, by the engine's clock. */
  Created: number
  State: string
  Labels: Record<string, string>
  HostConfig?: { NetworkMode?: string }
  Ports: { IP?: string; PrivatePort: number; PublicPort?: number; Type: string }[]
  Mounts: { Type: string; Name?: string; Source: string; Destination: string; RW?: boolean }[]
  NetworkSettings?: { Networks: Record<string, EndpointDocument> }
}
