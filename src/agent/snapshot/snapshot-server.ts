import type { Channel } from '../channel.ts'
import { AgentError } from '../errors.ts'
import type { Params, Progress, Result } from '../protocol.ts'
import { ChunkSink, frozenQueuedBytes, nowhere } from './chunk-sink.ts'
import { SnapshotRound, storeTree, treePath } from './snapshot-round.ts'
import { writeTreePiece } from './tree-copy.ts'

const heartbeatMilliseconds = 5_000

/** The agent's side of a snapshot: what it is asked, and what it sends chunks through. */
export class SnapshotServer {
  readonly #directory: string
  #sink: ChunkSink | undefined
  #heartbeat: NodeJS.Timeout | undefined

  /** `directory` is where trees are kept. */
  constructor(directory: string) {
    this.#directory = directory
  }

  /** Begins to send for a repository of which nothing is known yet. */
  open(channel: Channel, number: number): object {
    const sink = new ChunkSink(channel, number)
    this.#sink = sink
    clearInterval(this.#heartbeat)
    this.#heartbeat = setInterval(() => void sink.beat(), heartbeatMilliseconds)
    return {}
  }

  addKnown(digests: string): object {
    this.#opened.addKnown(Buffer.from(digests, 'base64'))
    return {}
  }

  writeTree({ id, ...piece }: Params<'writeTree'>): object {
    writeTreePiece(treePath(this.#directory, id), piece)
    return {}
  }

  /** Where what is known of a tree is kept. */
  path(id: string): string {
    return treePath(this.#directory, id)
  }

  round(params: Params<'snapshotRound'>, report: (progress: Progress) => void): SnapshotRound {
    if (params.discards) return new SnapshotRound(params, this.#directory, nowhere, report)
    if (params.isFinal) this.#opened.limit = frozenQueuedBytes
    return new SnapshotRound(params, this.#directory, this.#opened, report)
  }

  async storeTrees({ trees, seed }: Params<'storeTrees'>): Promise<Result<'storeTrees'>> {
    const sink = this.#opened
    const stored: Result<'storeTrees'>['trees'] = []
    for (const id of trees) stored.push({ id, refs: await storeTree(this.#directory, id, seed, sink) })
    await sink.flush()
    return { trees: stored, ...sink.sent }
  }

  get #opened(): ChunkSink {
    if (!this.#sink) throw new AgentError('protocol', 'no store was opened')
    return this.#sink
  }
}
