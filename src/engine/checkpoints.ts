import type Docker from 'dockerode'
import type { EngineCall } from './engine.ts'
import { hasStatus } from './failures.ts'

/** Writing memory out takes as long as it is large: so long is waited for it beyond the usual. */
const dumpMilliseconds = 600_000

/** What dockerode's types leave out. */
type WithCheckpoints = Docker.Container & {
  createCheckpoint(body: { checkpointId: string; exit: boolean }): Promise<unknown>
  listCheckpoint(): Promise<unknown>
  deleteCheckpoint(name: string): Promise<unknown>
}

/** What an engine keeps of the memory of its containers, by names that whoever makes them chooses (experimental; CRIU does it). */
export class Checkpoints {
  readonly #docker: Docker
  readonly #call: EngineCall

  constructor(docker: Docker, call: EngineCall) {
    this.#docker = docker
    this.#call = call
  }

  /** Writes a running container's memory to the engine's disk; it goes on afterwards, or stays paused if it was. */
  async create(id: string, name: string): Promise<void> {
    const request = () => this.#get(id).createCheckpoint({ checkpointId: name, exit: false })
    await this.#call(`writing out the memory of ${id}`, request, dumpMilliseconds)
  }

  /** The names of a container's checkpoints. */
  async list(id: string): Promise<string[]> {
    const list = await this.#call(`listing the checkpoints of ${id}`, () => this.#get(id).listCheckpoint())
    // An engine says `null` of none, which dockerode does not read as JSON.
    return Array.isArray(list) ? list.map(({ Name }: { Name: string }) => Name) : []
  }

  /** Fine if it is gone, and its container with it. */
  async remove(id: string, name: string): Promise<void> {
    const request = () => this.#get(id).deleteCheckpoint(name)
    await this.#call(`removing the checkpoint ${name} of ${id}`, request).catch((error) => {
      if (!hasStatus(error, 404)) throw error
    })
  }

  #get(id: string): WithCheckpoints {
    return this.#docker.getContainer(encodeURIComponent(id)) as WithCheckpoints
  }
}
