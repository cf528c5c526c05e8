import { addAbortSignal, type Readable } from 'node:stream'
import type Docker from 'dockerode'
import type { ImageDocument } from '../model/documents.ts'
import { exitCodes, RefusedError, WherryError } from '../model/errors.ts'
import type { EngineCall } from './engine.ts'
import { hasStatus } from './failures.ts'
import type { Watch } from './patience.ts'

/** Images are as large as they are; whether the engine is still there is asked again and again. */
const endless = Number.POSITIVE_INFINITY

/** Images of one engine. */
export class Images {
  readonly #docker: Docker
  readonly #call: EngineCall

  readonly #watch: Watch

  constructor(docker: Docker, call: EngineCall, watch: Watch) {
    this.#docker = docker
    this.#call = call
    this.#watch = watch
  }

  /** By reference or id; undefined where there is no such image. */
  async inspect(reference: string): Promise<ImageDocument | undefined> {
    return this.#call(`inspecting image ${reference}`, async () => {
      return (await this.#get(reference).inspect()) as unknown as ImageDocument
    }).catch((error) => {
      if (hasStatus(error, 404)) return undefined
      throw error
    })
  }

  /** Pulls one image. @throws the registry's refusal as the engine words it. */
  async pull(reference: string, signal?: AbortSignal): Promise<void> {
    await this.#follow(`pulling ${reference}`, signal, (options) => this.#docker.pull(reference, options))
  }

  /** The image as a tar stream, as `docker save` writes it. */
  async save(reference: string, signal?: AbortSignal): Promise<Readable> {
    const what = `saving image ${reference}`
    const stream = await this.#call(what, async () => (await this.#get(reference).get()) as Readable, endless)
    if (signal) addAbortSignal(signal, stream)
    return this.#watch.stream(what, stream)
  }

  /** Loads images from a tar stream, as `docker load` reads it. @throws the stream's own error where that fails. */
  async load(tar: Readable, signal?: AbortSignal): Promise<void> {
    // dockerode does not look at how the stream that it sends ends: the engine would wait for the rest.
    const broken = new AbortController()
    tar.once('error', (error) => broken.abort(error))
    const either = AbortSignal.any([broken.signal, ...(signal ? [signal] : [])])
    await this.#follow('loading an image', either, (options) => this.#docker.loadImage(tar, options)).catch(
      (error) => {
        throw broken.signal.aborted ? broken.signal.reason : error
      },
    )
  }

  /** Builds from a tar stream with a Dockerfile in it; its commands run on the given network. */
  async build(tar: Readable, tag: string, { network }: { network?: string } = {}): Promise<void> {
    const mode = network ? { networkmode: network } : {}
    await this.#follow(`building ${tag}`, undefined, (options) =>
      this.#docker.buildImage(tar, { t: tag, rm: true, forcerm: true, ...mode, ...options }),
    )
  }

  async tag(id: string, repository: string, tag: string): Promise<void> {
    await this.#call(`tagging ${id} as ${repository}:${tag}`, () =>
      this.#get(id).tag({ repo: repository, tag }),
    )
  }

  /** All layer chains that the engine has, each a list of diff ids from the base up. */
  async layerChains(): Promise<string[][]> {
    return this.#call('listing images', async () => {
      const list = await this.#docker.listImages({ all: true })
      const documents = await Promise.all(list.map(({ Id }) => this.inspect(Id)))
      return documents.map((document) => document?.RootFS.Layers ?? [])
    })
  }

  /** The ids of all images with their names, sorted. */
  async listNames(): Promise<string[]> {
    return this.#call('listing images', async () => {
      const list = await this.#docker.listImages()
      return list.map(({ Id, RepoTags }) => `${Id} ${(RepoTags ?? []).toSorted().join(' ')}`).sort()
    })
  }

  /** Removes a tag, and the image with its last one; fine if it is gone already. */
  async remove(reference: string): Promise<void> {
    await this.#call(`removing image ${reference}`, () => this.#get(reference).remove()).catch((error) => {
      if (!hasStatus(error, 404)) throw error
    })
  }

  /** The reference becomes a part of the path, slashes and all, and dockerode does not escape it. */
  #get(reference: string): Docker.Image {
    const parts = reference.split('/')
    if (parts.some((part) => part === '.' || part === '..'))
      throw new RefusedError('bad-name', `${JSON.stringify(reference).slice(0, 120)} cannot be an image.`)
    return this.#docker.getImage(parts.map(encodeURIComponent).join('/'))
  }

  /** Reads a request's progress stream to its end; such streams carry failures in the body of a 200 answer. */
  async #follow(
    what: string,
    signal: AbortSignal | undefined,
    request: (options: { abortSignal?: AbortSignal }) => Promise<NodeJS.ReadableStream>,
  ): Promise<void> {
    const options = signal ? { abortSignal: signal } : {}
    const progress = async () => {
      const stream = this.#watch.stream(what, (await request(options)) as Readable)
      if (signal) addAbortSignal(signal, stream)
      await this.#ended(what, stream)
    }
    await this.#call(what, progress, endless)
  }

  async #ended(what: string, stream: Readable): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#docker.modem.followProgress(stream, (error, output) => {
        const failed = output?.findLast((line: { error?: string }) => line.error)
        if (error) reject(error)
        else if (failed)
          reject(new WherryError('engine-error', exitCodes.unexpected, `${what}: ${failed.error}`))
        else resolve()
      })
    })
  }
}
