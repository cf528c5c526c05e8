import { readFileSync } from 'node:fs'
import { messageOf, WherryError } from '../model/errors.ts'
import { catalogPath, fitsTree, readSummary, removeCatalog } from './catalog.ts'
import { readCatalogPiece, writeCatalogPiece } from './catalog-copy.ts'
import { Channel } from './channel.ts'
import { type DirectLink, dial, type Listener, listen } from './direct.ts'
import { AgentError } from './errors.ts'
import { broken, type FrameStream } from './frames.ts'
import { Freezer } from './freeze.ts'
import { makeHostDirectories, removeHostDirectories } from './host-directories.ts'
import { killContainer } from './kill.ts'
import { measureTree } from './measure.ts'
import { answerMeasures, measureLink } from './network/measure-link.ts'
import { whyNoTunnel } from './network/tunnel.ts'
import { probe } from './probe.ts'
import { type Params, type Progress, protocolVersion, type RequestName, type Result } from './protocol.ts'
import { ReceiveRound, WriteBacks } from './receive-round.ts'
import { TreeScan } from './scan-tree.ts'
import { SendRound } from './send-round.ts'
import { SnapshotServer } from './snapshot/snapshot-server.ts'

/** Capabilities without which something would be left out silently or could not be set (capabilities(7)). */
const needed: Readonly<Record<string, number>> = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  FOWNER: 3,
  FSETID: 4,
  SYS_ADMIN: 21,
  MKNOD: 27,
  SETFCAP: 31,
}

/** Something that takes long; one runs at a time. */
interface Task<T> {
  run(): Promise<T>
  abort(reason: string): void
}

type Handlers = { [N in RequestName]: (params: Params<N>) => Promise<Result<N>> | Result<N> }

/** Answers requests that come in frames. One round runs at a time. */
export class AgentServer {
  readonly #stream: FrameStream
  readonly #directory: string
  readonly #relay: Channel
  readonly #writeBacks = new WriteBacks()
  readonly #freezer = new Freezer()
  #listener: Listener | undefined
  #direct: DirectLink | undefined
  #round: Task<unknown> | undefined
  readonly #snapshots: SnapshotServer
  #calledOff: string | undefined

  /** `directory` is where catalogs are kept. */
  constructor(stream: FrameStream, directory: string) {
    this.#stream = stream
    this.#directory = directory
    this.#relay = new Channel(stream, false)
    this.#snapshots = new SnapshotServer(directory)
    stream.handlers = {
      control: (message) => void this.#answer(message),
      data: (batch) => this.#relay.deliver(batch),
      end: () => this.#relay.fail(broken()),
    }
  }

  /** Lets go of what must not stay as it is when this process ends. */
  letGo(): void {
    this.#freezer.thaw()
  }

  async #answer(message: unknown): Promise<void> {
    const { id, request, params } = message as { id: number; request: string; params: never }
    try {
      const handler = Object.hasOwn(this.#handlers, request)
        ? this.#handlers[request as RequestName]
        : undefined
      if (!handler) throw new AgentError('protocol', `an unknown request: ${request}`)
      this.#stream.control({ id, result: await handler(params) })
    } catch (error) {
      const known = error instanceof WherryError ? error : undefined
      if (!known) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
      const { code = 'agent-failed', data = {}, suggestions = [] } = known ?? {}
      this.#stream.control({ id, error: { code, message: messageOf(error), data, suggestions } })
    }
  }

  get #channel(): Channel {
    return this.#direct?.channel ?? this.#relay
  }

  readonly #handlers: Handlers = {
    hello: () => ({ version: protocolVersion, pid: process.pid, missingCapabilities: missingCapabilities() }),
    probe: (params) => probe(params),
    measureTree: ({ path, limitSeconds }) => measureTree(path, limitSeconds),
    makeDirectories: (params) => makeHostDirectories(params),
    removeDirectories: (params) => removeHostDirectories(params),
    kill: ({ container }) => killContainer(container),
    freeze: (params) => this.#freezer.freeze(params),
    thaw: () => ({ wasFrozen: this.#freezer.thaw() }),
    releaseFrozen: () => {
      this.#freezer.release()
      return {}
    },
    listen: async (secret) => {
      this.#listener?.close()
      this.#listener = await listen(secret)
      return { port: this.#listener.port }
    },
    accept: async () => {
      if (!this.#listener) throw new AgentError('protocol', 'nothing listens')
      return this.#use(await this.#listener.accepted)
    },
    stopListening: () => {
      this.#listener?.close()
      this.#listener = undefined
      return {}
    },
    dial: async ({ addresses, port, timeoutMilliseconds, ...secret }) =>
      this.#use(await dial(secret, addresses, port, timeoutMilliseconds)),
    answerMeasures: async () => ({ port: await answerMeasures() }),
    measureLink: (params) => measureLink(params),
    whyNoTunnel: async () => {
      const reason = await whyNoTunnel()
      return reason === undefined ? {} : { reason }
    },
    useRelay: () => {
      this.#direct?.close()
      this.#direct = undefined
      return {}
    },
    state: ({ trees }) => ({
      trees: trees.map(({ id, path }) => {
        const catalog = catalogPath(this.#directory, id)
        const digest = readSummary(catalog)?.digest
        return digest === undefined || (path !== undefined && !fitsTree(catalog, path)) ? {} : { digest }
      }),
    }),
    forget: ({ trees }) => {
      for (const tree of trees) removeCatalog(catalogPath(this.#directory, tree))
      return {}
    },
    sendRound: (params) => {
      this.#channel.reset()
      return this.#run(new SendRound(params, this.#channel, this.#directory, this.#report))
    },
    receiveRound: (params) => {
      this.#channel.startReceiving()
      this.#stream.control({ event: 'receiving', round: params.round })
      return this.#run(new ReceiveRound(params, this.#channel, this.#directory, this.#writeBacks))
    },
    scanTree: (params) => this.#run(new TreeScan(params, this.#directory)),
    readCatalog: ({ id, offset }) => readCatalogPiece(catalogPath(this.#directory, id), offset),
    writeCatalog: ({ id, ...piece }) => {
      writeCatalogPiece(catalogPath(this.#directory, id), piece)
      return {}
    },
    openStore: ({ number }) => {
      this.#channel.reset()
      return this.#snapshots.open(this.#channel, number)
    },
    addKnownChunks: ({ digests }) => this.#snapshots.addKnown(digests),
    writeTree: (params) => this.#snapshots.writeTree(params),
    readTree: ({ id, offset }) => readCatalogPiece(this.#snapshots.path(id), offset),
    snapshotRound: (params) => this.#run(this.#snapshots.round(params, this.#report)),
    storeTrees: (params) => this.#snapshots.storeTrees(params),
    keepWaiting: () => {
      this.#channel.keepWaiting()
      return {}
    },
    abort: ({ reason, forGood }) => {
      if (forGood) this.#calledOff = reason
      this.#freezer.callOff()
      this.#round?.abort(reason)
      return {}
    },
  }

  readonly #report = (progress: Progress) => this.#stream.control({ event: 'progress', ...progress })

  #use(link: DirectLink): { address: string } {
    this.#direct?.close()
    this.#direct = link
    return { address: link.address }
  }

  async #run<T>(round: Task<T>): Promise<T> {
    if (this.#round) throw new AgentError('protocol', 'a round is running')
    if (this.#calledOff !== undefined) throw new AgentError('aborted', this.#calledOff)
    this.#round = round
    try {
      return await round.run()
    } finally {
      this.#round = undefined
    }
  }
}

function missingCapabilities(): string[] {
  const match = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))
  const mask = BigInt(`0x${match?.[1] ?? '0'}`)
  return Object.keys(needed).filter((name) => !((mask >> BigInt(needed[name] ?? 0)) & 1n))
}
