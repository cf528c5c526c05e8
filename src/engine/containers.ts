import type { Readable, Writable } from 'node:stream'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { ContainerDocument, ContainerSummary, EndpointDocument } from '../model/documents.ts'
import { exitCodes, WherryError } from '../model/errors.ts'
import { Checkpoints } from './checkpoints.ts'
import type { EngineCall } from './engine.ts'
import { hasStatus, isRuntimeBreakOff } from './failures.ts'
import { explainHeldPort } from './held-ports.ts'
import type { Watch } from './patience.ts'

const pollMs = 50
const settleTimeoutMs = 30_000
/** What a container is created from: the body of `POST /containers/create`. */
export type CreateBody = Record<string, unknown>

/** The streams of an attached container. `stdout` and `stderr` end when the container does. */
export interface Attachment {
  stdin: Writable
  stdout: Readable
  stderr: Readable
}

/** Containers of one engine. Names and ids are both accepted wherever `id` stands. */
export class Containers {
  readonly #docker: Docker
  readonly #call: EngineCall

  readonly #watch: Watch
  readonly checkpoints: Checkpoints

  constructor(docker: Docker, call: EngineCall, watch: Watch) {
    this.#docker = docker
    this.#call = call
    this.#watch = watch
    this.checkpoints = new Checkpoints(docker, call)
  }

  /** The engine's whole document, undefined where there is no such container. */
  async inspect(id: string, { size = false } = {}): Promise<ContainerDocument | undefined> {
    return this.#call(`inspecting container ${id}`, async () => {
      // The name becomes a part of the path; dockerode does not escape it.
      const options = size ? { size: true } : {}
      return (await this.#get(id).inspect(options as never)) as unknown as ContainerDocument
    }).catch((error) => {
      if (hasStatus(error, 404)) return undefined
      throw error
    })
  }

  /** All containers, running or not; `labels` as `key` or `key=value`. */
  async list({ labels = [] as readonly string[] } = {}): Promise<ContainerSummary[]> {
    const filters: Record<string, string[]> = labels.length > 0 ? { label: [...labels] } : {}
    return this.#call('listing containers', async () => {
      const list = await this.#docker.listContainers({ all: true, filters })
      return list as unknown as ContainerSummary[]
    })
  }

  /** Creates a container and gives its id. */
  async create(name: string, body: CreateBody): Promise<string> {
    return this.#call(`creating container ${name}`, async () => {
      const container = await this.#docker.createContainer({ name, ...body } as Docker.ContainerCreateOptions)
      return container.id
    })
  }

  /**
   * Fine if it runs already. Asked once more where the engine's runtime broke off before the container's process was
   * begun; one that its engine removes when it ends is gone by then, and the first reason is thrown. `checkpoint`: it goes on from
   * the memory that the engine has under this name.
   */
  async start(id: string, { checkpoint = '' } = {}): Promise<void> {
    // dockerode would put it into a body, too, which engines refuse; its types do not know it.
    const from = (checkpoint ? { _query: { checkpoint }, _body: {} } : {}) as Docker.ContainerStartOptions
    const request = () => this.#call(`starting container ${id}`, () => this.#get(id).start(from))
    try {
      await request().catch(async (error) => {
        if (!isRuntimeBreakOff(error)) throw error
        await sleep(pollMs)
        await request().catch((again) => {
          throw hasStatus(again, 404) || hasStatus(again, 409) ? error : again
        })
      })
    } catch (error) {
      if (!hasStatus(error, 304)) throw await explainHeldPort(error, () => this.list())
    }
  }

  /**
   * Stops with the container's own signal and timeout, which may be long or, when negative, for ever; fine if it has
   * stopped already. Answers when it has ended.
   */
  async stop(id: string, { timeoutSeconds = 0 } = {}): Promise<void> {
    const extraMs = timeoutSeconds < 0 ? Number.POSITIVE_INFINITY : timeoutSeconds * 1000
    await this.#call(`stopping container ${id}`, () => this.#get(id).stop(), extraMs).catch((error) => {
      if (!hasStatus(error, 304)) throw error
    })
  }

  /** Ends a container at once; fine if it has ended already. */
  async kill(id: string): Promise<void> {
    await this.#call(`killing container ${id}`, () => this.#get(id).kill({ signal: 'SIGKILL' })).catch(
      (error) => {
        if (!hasStatus(error, 409)) throw error
      },
    )
    for (let waitedMs = 0; waitedMs < settleTimeoutMs; waitedMs += pollMs) {
      if (!(await this.inspect(id))?.State.Running) return
      await sleep(pollMs)
    }
  }

  async pause(id: string): Promise<void> {
    await this.#call(`pausing container ${id}`, () => this.#get(id).pause())
  }

  async unpause(id: string): Promise<void> {
    await this.#call(`unpausing container ${id}`, () => this.#get(id).unpause())
  }

  /** Removes a container by force, with its anonymous volumes if told; fine if it is gone already. `name` is for messages. */
  async remove(id: string, { volumes = false, name = id } = {}): Promise<void> {
    await this.#call(`removing container ${name}`, () =>
      this.#get(id).remove({ force: true, v: volumes }),
    ).catch((error) => {
      // 409: the engine is removing it already, as it does with AutoRemove.
      if (!hasStatus(error, 404) && !hasStatus(error, 409)) throw error
    })
    await this.untilGone(id, name)
  }

  /** Removes a container that does not run. @throws EngineRequestError with status 409 when it does. */
  async removeStopped(id: string): Promise<void> {
    await this.#call(`removing container ${id}`, () => this.#get(id).remove()).catch((error) => {
      if (!hasStatus(error, 404)) throw error
    })
    await this.untilGone(id)
  }

  /** Waits until a container that is being removed is really gone. @throws WherryError `not-removed` after 30 s. */
  async untilGone(id: string, name = id): Promise<void> {
    // What it used can be removed only once it is really gone.
    for (let waitedMs = 0; await this.inspect(id); waitedMs += pollMs) {
      if (waitedMs >= settleTimeoutMs)
        throw new WherryError(
          'not-removed',
          exitCodes.unexpected,
          `Container ${name} is still there ${settleTimeoutMs / 1000} s after it was removed.`,
        )
      await sleep(pollMs)
    }
  }

  async setRestartPolicy(id: string, policy: { Name: string; MaximumRetryCount?: number }): Promise<void> {
    await this.#call(`setting the restart policy of ${id}`, () =>
      this.#get(id).update({ RestartPolicy: policy }),
    )
  }

  /** Attaches to the container's stdin, stdout and stderr; do it before the start so that nothing is missed. */
  async attach(id: string): Promise<Attachment> {
    return this.#call(`attaching to container ${id}`, async () => {
      const stream = await this.#get(id).attach({
        stream: true,
        hijack: true,
        stdin: true,
        stdout: true,
        stderr: true,
      })
      const stdout = new PassThrough({ highWaterMark: 1 << 20 })
      const stderr = new PassThrough()
      demultiplex(
        this.#watch.stream(`attached to container ${id}`, stream as unknown as Readable),
        stdout,
        stderr,
      )
      return { stdin: stream as unknown as Writable, stdout, stderr }
    })
  }

  /** Runs a command inside a running container. `output` is its last 64 KiB. */
  async exec(id: string, command: readonly string[]): Promise<{ exitCode: number | null; output: string }> {
    const what = `running a command in container ${id}`
    return this.#call(
      what,
      async () => {
        const exec = await this.#get(id).exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true })
        const stream = (await exec.start({ hijack: true, stdin: false })) as unknown as Readable
        const chunks = new PassThrough()
        demultiplex(this.#watch.stream(what, stream), chunks, chunks)
        let output = ''
        for await (const chunk of chunks) output = (output + String(chunk)).slice(-65536)
        return { exitCode: (await exec.inspect()).ExitCode, output }
      },
      Number.POSITIVE_INFINITY,
    )
  }

  /** The last lines that a container printed. */
  async logs(id: string, lines: number): Promise<string> {
    return this.#call(`reading the log of ${id}`, async () => {
      const raw = await this.#get(id).logs({ stdout: true, stderr: true, tail: lines, follow: false })
      return withoutFrameHeaders(raw as unknown as Buffer)
    })
  }

  /** How many paths of the container's writable layer differ from its image. */
  async countChanges(id: string): Promise<number> {
    return this.#call(
      `reading the changes of container ${id}`,
      async () => (await this.#get(id).changes())?.length ?? 0,
    )
  }

  #get(id: string): Docker.Container {
    return this.#docker.getContainer(encodeURIComponent(id))
  }
}

/** An endpoint that a container is given on a network: only what can be asked for. */
export type EndpointRequest = Pick<
  EndpointDocument,
  'IPAMConfig' | 'Links' | 'Aliases' | 'MacAddress' | 'DriverOpts' | 'GwPriority'
>

/**
 * Splits the engine's attach stream, which frames stdout and stderr with 8-byte headers (Docker Engine API, "Attach to a
 * container": stream type, three zero bytes, length). Respects the back-pressure of both outputs.
 */
export function demultiplex(stream: Readable, stdout: Writable, stderr: Writable): void {
  let header = Buffer.alloc(0)
  let remaining = 0
  let output = stdout
  const consume = (chunk: Buffer): boolean => {
    let flowing = true
    let rest = chunk
    while (rest.length > 0) {
      if (remaining === 0) {
        const needed = 8 - header.length
        header = Buffer.concat([header, rest.subarray(0, needed)])
        rest = rest.subarray(needed)
        if (header.length < 8) break
        output = header[0] === 2 ? stderr : stdout
        remaining = header.readUInt32BE(4)
        header = Buffer.alloc(0)
        continue
      }
      const piece = rest.subarray(0, remaining)
      flowing = output.write(piece) && flowing
      remaining -= piece.length
      rest = rest.subarray(piece.length)
    }
    return flowing
  }
  stream.on('data', (chunk: Buffer) => {
    if (consume(chunk)) return
    stream.pause()
    output.once('drain', () => stream.resume())
  })
  const end = () => {
    stdout.end()
    if (stderr !== stdout) stderr.end()
  }
  stream.on('end', end)
  stream.on('close', end)
  stream.on('error', (error) => {
    stdout.destroy(error)
    stderr.destroy(error)
  })
}

function withoutFrameHeaders(raw: Buffer): string {
  let text = ''
  for (let at = 0; at + 8 <= raw.length; ) {
    // A container with a terminal has no frames: its log is plain text.
    if ((raw[at] ?? 0) > 2 || raw.readUIntBE(at + 1, 3) !== 0) return raw.toString()
    const length = raw.readUInt32BE(at + 4)
    text += raw.subarray(at + 8, at + 8 + length).toString()
    at += 8 + length
  }
  return text
}
