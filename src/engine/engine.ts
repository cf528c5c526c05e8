import type Docker from 'dockerode'
import type { EngineAddress } from './address.ts'
import { Containers } from './containers.ts'
import { engineFailure } from './failures.ts'
import { Images } from './images.ts'
import { Networks } from './networks.ts'
import type { Watch } from './patience.ts'
import { Volumes } from './volumes.ts'

/** What an engine says of itself; bytes for memory. Only what wherry uses is typed. */
export interface EngineInfo {
  ID: string
  Name: string
  ServerVersion: string
  Architecture: string
  OSType: string
  OperatingSystem: string
  KernelVersion: string
  NCPU: number
  MemTotal: number
  Driver: string
  DriverStatus: [string, string][] | null
  DockerRootDir: string
  ExperimentalBuild: boolean
  CgroupDriver: string
  CgroupVersion?: string
  SecurityOptions: string[]
  Runtimes: Record<string, unknown>
  DefaultRuntime: string
  Plugins: { Volume: string[] | null; Network: string[] | null; Log: string[] | null }
  Swarm: {
    LocalNodeState?: string
    NodeID?: string
    RemoteManagers?: { NodeID: string; Addr: string }[] | null
  }
}

/**
 * How one request to the engine is made: waiting is bounded, and failures become ours, with `what` as the thing that was
 * tried. `extraMs` is what it may rightly take beyond the usual.
 */
export type EngineCall = <T>(what: string, request: () => Promise<T>, extraMs?: number) => Promise<T>

/** One Docker Engine that answered. The only way from the rest of wherry to a Docker API. */
export class Engine {
  readonly name: string
  readonly address: EngineAddress
  readonly version: string
  /** The API version spoken with it, such as `1.45`. */
  readonly apiVersion: string
  /** As it was when the connection was made. */
  readonly info: EngineInfo
  readonly containers: Containers
  readonly images: Images
  readonly networks: Networks
  readonly volumes: Volumes
  /** It did not answer, and every request says so: for work that can be done without it. */
  readonly isAbsent: boolean
  readonly #close: () => Promise<void>

  constructor(
    docker: Docker,
    facts: {
      address: EngineAddress
      version: string
      apiVersion: string
      info: EngineInfo
      close: () => Promise<void>
      /** Why there is no answer, for an engine that stands in for one that cannot be reached. */
      absence?: Error
      watch: Watch
    },
  ) {
    this.name = facts.address.name
    this.address = facts.address
    this.version = facts.version
    this.apiVersion = facts.apiVersion
    this.info = facts.info
    this.#close = facts.close
    this.isAbsent = facts.absence !== undefined
    const { watch, absence } = facts
    const call: EngineCall = async (what, request, extraMs = 0) => {
      if (absence) throw absence
      try {
        return await watch.answer(what, request(), extraMs)
      } catch (error) {
        throw engineFailure(facts.address, what, error)
      }
    }
    this.containers = new Containers(docker, call, watch)
    this.images = new Images(docker, call, watch)
    this.networks = new Networks(docker, call)
    this.volumes = new Volumes(docker, call)
  }

  /** Ends what the connection needs, such as an ssh login. The engine itself is not touched. */
  async close(): Promise<void> {
    await this.#close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
