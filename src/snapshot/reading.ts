import { randomBytes } from 'node:crypto'
import type { OwnLink } from '../agent/own-link.ts'
import type { ReadTree, Result } from '../agent/protocol.ts'
import { type RunningAgent, treePath } from '../launch/agent.ts'
import type { Manifest } from '../model/manifest.ts'
import { newestTrees } from './base.ts'
import type { Contents } from './contents.ts'
import type { CreateRequest, CreateResult } from './create.ts'
import type { Group, SourceTree } from './group.ts'
import { betweenHooks } from './hooks.ts'
import { SavedMemory, treesOf } from './memory.ts'
import { anotherRound } from './rounds.ts'
import { isLeftStill, type StoodStill, whileStill } from './standstill.ts'
import { sendTree, TreeFile } from './tree-files.ts'

const knownPieceBytes = 1 << 20

export interface ReadingRequest extends CreateRequest {
  id: string
  contents: Contents
  /** For files that are being made. */
  directory: string
}

/** The reading of a group's directories by an agent on their engine. */
export class Reading {
  readonly link: OwnLink
  readonly group: Group
  /** What the agent marks its batches with. */
  readonly number = randomBytes(4).readUInt32LE()
  readonly rounds: CreateResult['rounds'] = []
  readonly #request: ReadingRequest
  readonly #agent: RunningAgent
  readonly #callOff: () => void
  readonly #memory: SavedMemory
  #read: Promise<StoodStill<ReadTree[]>> | undefined
  #standsStill = false

  constructor(request: ReadingRequest, agent: RunningAgent, link: OwnLink) {
    this.#request = request
    this.#agent = agent
    this.link = link
    this.group = request.group
    this.#memory = new SavedMemory(request.engine, request.group, request.id)
    const order = { reason: 'interrupted', forGood: true }
    // An agent that has ended already needs no order.
    this.#callOff = () => void agent.client.request('abort', order).catch(() => undefined)
    request.signal.addEventListener('abort', this.#callOff, { once: true })
    if (request.signal.aborted) this.#callOff()
  }

  /** Everything that the agent sees: the group's directories, and where their memory will lie. */
  get trees(): SourceTree[] {
    return treesOf(this.#request)
  }

  /** Reads while the containers run, and then, while they stand still, what changed since. */
  readAll(): Promise<StoodStill<ReadTree[]>> {
    this.#read ??= this.#readEverything()
    return this.#read
  }

  async #readEverything(): Promise<StoodStill<ReadTree[]>> {
    const { group, memory, report } = this.#request
    if (!memory) return this.#readRounds()
    await this.#memory.look()
    try {
      const stood = await this.#readRounds()
      group.warnings.push(...this.#memory.ended)
      // It lies on the engine's disk: they need not stand still for its reading.
      return { ...stood, result: [...stood.result, ...(await this.#readMemory())] }
    } finally {
      await this.#memory.remove(report)
    }
  }

  async #readMemory(): Promise<ReadTree[]> {
    const { report, seal } = this.#request
    report({ type: 'phase', phase: 'memory', message: `reading the memory (${this.link.kind})` })
    const trees = this.trees.flatMap(({ id, kind, container }, index) =>
      kind === 'memory' && this.#memory.containers.includes(container)
        ? [{ id, path: `${treePath(index)}/${this.#memory.name}` }]
        : [],
    )
    const request = { trees, isFinal: true, seed: seal.seed }
    return (await this.#agent.client.request('snapshotRound', request)).trees
  }

  async #readRounds(): Promise<StoodStill<ReadTree[]>> {
    const { engine, group, hooks, memory, report, signal, standstill } = this.#request
    await this.#agent.client.request('openStore', { number: this.number })
    await this.#tellWhatIsThere()
    const isRunning = group.manifests.some(({ state }) => state.running && !state.paused)
    // One also where nothing runs: what it reads need not be read again by the next snapshot.
    while ((isRunning || this.rounds.length === 0) && anotherRound(this.rounds)) {
      signal.throwIfAborted()
      await this.#round(false)
    }
    signal.throwIfAborted()
    const { maxPauseSeconds: limitSeconds } = this.#request
    const controlGroups = treePath(this.trees.length)
    const agent = this.#agent.client
    this.#tellStandstill(true)
    const { manifests, warnings } = group
    const byEngine = memory
    const still = { engine, manifests, how: standstill, byEngine, agent, controlGroups, limitSeconds, report }
    return betweenHooks({ ...still, hooks, warnings, signal }, () =>
      // Where they go on, files may still change while they are read.
      whileStill(still, (running) =>
        memory ? this.#roundWithMemory(running) : this.#round(standstill !== 'hooks'),
      ),
    ).finally(() => {
      this.#tellStandstill(false)
      // One that has gone holds nothing.
      agent.request('releaseFrozen', {}).catch(() => undefined)
    })
  }

  /** What changed last, and beside it the memory. Neither is left to itself when the other fails. */
  async #roundWithMemory(running: Manifest[]): Promise<ReadTree[]> {
    const failed = new AbortController()
    const limit = AbortSignal.timeout(this.#request.maxPauseSeconds * 1000)
    const signal = AbortSignal.any([this.#request.signal, failed.signal, limit])
    const reading = this.#round(true).catch((error) => {
      failed.abort()
      throw error
    })
    const [round, saved] = await Promise.allSettled([reading, this.#memory.save(running, signal)])
    if (round.status === 'rejected') throw round.reason
    if (saved.status === 'rejected') throw saved.reason
    return round.value
  }

  #tellStandstill(isStill: boolean): void {
    this.#standsStill = isStill
    this.#request.onStandstill(isStill)
  }

  /** Lets the agent wait for this process, which is busy. */
  askPatience(): void {
    // One that has gone is met where it is waited for.
    this.#agent.client.request('keepWaiting', {}).catch(() => undefined)
  }

  /** Lets the lists of files be sent, and everything that waits. */
  storeTrees(): Promise<Result<'storeTrees'>> {
    const { report, seal } = this.#request
    report({ type: 'phase', phase: 'store', message: 'storing what was read' })
    const { containers } = this.#memory
    const read = this.trees.filter(
      ({ kind, container }) => kind !== 'memory' || containers.includes(container),
    )
    const trees = read.map(({ id }) => id)
    return this.#agent.client.request('storeTrees', { trees, seed: seal.seed })
  }

  /** Ends the agent. What stands still goes on before this returns. @throws WherryError `left-still` where it does not. */
  async close(): Promise<void> {
    this.#request.signal.removeEventListener('abort', this.#callOff)
    this.link.close()
    try {
      if (this.#standsStill) await this.#agent.end()
      await this.#agent.remove()
    } finally {
      // What else failed in it has been met already.
      await this.#read?.catch((error) => {
        if (isLeftStill(error)) throw error
      })
    }
  }

  /** Chunks that need not be sent, and what each directory was like in its newest snapshot: what has not changed is not read. */
  async #tellWhatIsThere(): Promise<void> {
    const { contents, directory } = this.#request
    const { client } = this.#agent
    const known = contents.chunks.index.digests
    for (let at = 0; at < known.length; at += knownPieceBytes) {
      const piece = known.subarray(at, at + knownPieceBytes)
      await client.request('addKnownChunks', { digests: piece.toString('base64') })
    }
    for (const [id, tree] of await newestTrees(this.#request)) {
      await using file = await TreeFile.open(contents.chunks, directory, tree)
      await sendTree(client, { ...tree, id }, file)
    }
  }

  async #round(isFinal: boolean): Promise<ReadTree[]> {
    const { report, seal } = this.#request
    const number = this.rounds.length + 1
    const phase = isFinal ? 'final-round' : `round-${number}`
    const message = isFinal
      ? 'reading what changed last'
      : `reading while it runs${number > 1 ? ` (round ${number})` : ''}`
    report({ type: 'phase', phase, message: `${message} (${this.link.kind})` })
    const stop = this.#agent.client.onEvent((event) => {
      if (event.event === 'progress') report({ type: 'bytes', phase, bytes: event.bytes, files: event.files })
    })
    const startedMs = performance.now()
    const trees = this.group.trees.map(({ id }, index) => ({ id, path: treePath(index) }))
    try {
      const read = (await this.#agent.client.request('snapshotRound', { trees, isFinal, seed: seal.seed }))
        .trees
      this.rounds.push({
        files: read.reduce((sum, { filesRead }) => sum + filesRead, 0),
        bytes: read.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
        seconds: (performance.now() - startedMs) / 1000,
      })
      return read
    } finally {
      stop()
    }
  }
}
