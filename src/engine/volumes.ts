import type Docker from 'dockerode'
import type { VolumeDocument } from '../model/documents.ts'
import type { EngineCall } from './engine.ts'
import { hasStatus } from './failures.ts'

/** Volumes of one engine. */
export class Volumes {
  readonly #docker: Docker
  readonly #call: EngineCall

  constructor(docker: Docker, call: EngineCall) {
    this.#docker = docker
    this.#call = call
  }

  /** Undefined where there is no such volume. */
  async inspect(name: string): Promise<VolumeDocument | undefined> {
    return this.#call(`inspecting volume ${name}`, async () => {
      return (await this.#docker.getVolume(encodeURIComponent(name)).inspect()) as unknown as VolumeDocument
    }).catch((error) => {
      if (hasStatus(error, 404)) return undefined
      throw error
    })
  }

  async list({ labels = [] as readonly string[] } = {}): Promise<VolumeDocument[]> {
    return this.#call('listing volumes', async () => {
      const filters = JSON.stringify(labels.length > 0 ? { label: labels } : {})
      const { Volumes } = await this.#docker.listVolumes({ filters } as unknown as Docker.VolumeListOptions)
      return (Volumes ?? []) as unknown as VolumeDocument[]
    })
  }

  /** Creates a volume. The engine answers alike when one of that name and driver is there: look first. */
  async create(
    volume: Pick<VolumeDocument, 'Name' | 'Driver'> & { Labels?: object; DriverOpts?: object },
  ): Promise<void> {
    await this.#call(`creating volume ${volume.Name}`, () =>
      this.#docker.createVolume(volume as Docker.VolumeCreateOptions),
    )
  }

  /** Removes a volume; fine if it is gone already. */
  async remove(name: string): Promise<void> {
    await this.#call(`removing volume ${name}`, () =>
      this.#docker.getVolume(encodeURIComponent(name)).remove(),
    ).catch((error) => {
      if (!hasStatus(error, 404)) throw error
    })
  }
}
