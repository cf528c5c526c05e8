import type Docker from 'dockerode'
import type { NetworkDocument } from '../model/documents.ts'
import type { EndpointRequest } from './containers.ts'
import type { EngineCall } from './engine.ts'
import { hasStatus } from './failures.ts'

/** Networks of one engine. */
export class Networks {
  readonly #docker: Docker
  readonly #call: EngineCall

  constructor(docker: Docker, call: EngineCall) {
    this.#docker = docker
    this.#call = call
  }

  /** Undefined where there is no such network. `id` may be a name. */
  async inspect(id: string): Promise<NetworkDocument | undefined> {
    return this.#call(`inspecting network ${id}`, async () => {
      return (await this.#docker.getNetwork(encodeURIComponent(id)).inspect()) as unknown as NetworkDocument
    }).catch((error) => {
      if (hasStatus(error, 404)) return undefined
      throw error
    })
  }

  async list(): Promise<NetworkDocument[]> {
    return this.#call('listing networks', async () => {
      return (await this.#docker.listNetworks()) as unknown as NetworkDocument[]
    })
  }

  /** Creates a network and gives its id. */
  async create(body: Record<string, unknown>): Promise<string> {
    return this.#call(`creating network ${body.Name}`, async () => {
      return (
        await this.#docker.createNetwork({
          CheckDuplicate: true,
          ...body,
        } as unknown as Docker.NetworkCreateOptions)
      ).id
    })
  }

  /** Gives a container one more endpoint. */
  async connect(network: string, container: string, endpoint: EndpointRequest): Promise<void> {
    await this.#call(`connecting ${container} to network ${network}`, () =>
      this.#docker
        .getNetwork(encodeURIComponent(network))
        .connect({ Container: container, EndpointConfig: endpoint } as Docker.NetworkConnectOptions),
    )
  }

  /** Takes a container's endpoint away; fine if it has none there. */
  async disconnect(network: string, container: string): Promise<void> {
    await this.#call(`disconnecting ${container} from network ${network}`, async () => {
      await this.#docker
        .getNetwork(encodeURIComponent(network))
        .disconnect({ Container: container, Force: true })
    }).catch((error) => {
      if (!hasStatus(error, 404)) throw error
    })
  }

  /** Removes a network; fine if it is gone already. `name` is for messages. */
  async remove(id: string, name = id): Promise<void> {
    await this.#call(`removing network ${name}`, () =>
      this.#docker.getNetwork(encodeURIComponent(id)).remove(),
    ).catch((error) => {
      if (!hasStatus(error, 404)) throw error
    })
  }
}
