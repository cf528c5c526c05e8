import { randomBytes } from 'node:crypto'
import { joinAgent, type OwnLink } from '../agent/own-link.ts'
import type { ReadTree, Result } from '../agent/protocol.ts'
import { type AgentMount, type RunningAgent, startAgent, treePath } from '../launch/agent.ts'
import { ensureAgentImage } from '../launch/image.ts'
import { addressesOf } from '../migrate/steps/agents.ts'
import { roleLabel } from '../model/plan.ts'
import { newestTrees } from './base.ts'
import type { Contents } from './contents.ts'
import type { CreateRequest, CreateResult } from './create.ts'
import type { Group } from './group.ts'
import { betweenHooks } from './hooks.ts'
import { isLeftStill, type StoodStill, whileStill } from './standstill.ts'
import { sendTree, TreeFile } from './tree-files.ts'

/** Another round is not worth it when the last read so little, or was so quick. */
const smallBytes = 32 << 20
const quickSeconds = 0.5
const maxRounds = 5
/** A round that read more than this share of the one before says that somebody writes as fast as we read. */
const noProgress = 0.7
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
  #read: Promise<StoodStill<ReadTree[]>> | undefined
  #standsStill = false

  constructor(request: ReadingRequest, agent: RunningAgent, link: OwnLink) {
    this.#request = request
    this.#agent = agent
    this.link = link
    this.group = request.group
    const order = { reason: 'interrupted', forGood: true }
    // An agent that has ended already needs no order.
    this.#callOff = () => void agent.client.request('abort', order).catch(() => undefined)
    request.signal.addEventListener('abort', this.#callOff, { once: true })
    if (request.signal.aborted) this.#callOff()
  }

  /** Reads while the containers run, and then, while they stand still, what changed since. */
  readAll(): Promise<StoodStill<ReadTree[]>> {
    this.#read ??= this.#readRounds()
    return this.#read
  }

  async #readRounds(): Promise<StoodStill<ReadTree[]>> {
    const { engine, group, hooks, report, signal, standstill } = this.#request
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
    const controlGroups = treePath(group.trees.length)
    const agent = this.#agent.client
    this.#tellStandstill(true)
    const { manifests, warnings } = group
    const still = { engine, manifests, how: standstill, agent, controlGroups, limitSeconds, report }
    return betweenHooks({ ...still, hooks, warnings, signal }, () =>
      // Where they go on, files may still change while they are read.
      whileStill(still, () => this.#round(standstill !== 'hooks')),
    ).finally(() => {
      this.#tellStandstill(false)
    })
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
    const trees = this.group.trees.map(({ id }) => id)
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

/** Starts an agent that sees the group's directories, read-only, and joins this process to it. */
export async function openReading(request: ReadingRequest): Promise<Reading> {
  const { engine, group, id, path, report } = request
  report({ type: 'phase', phase: 'agents', message: 'starting an agent' })
  const { reference: image } = await ensureAgentImage(engine, [], report)
  const agent = await startAgent(engine, {
    image,
    name: `wherry-snapshot-${id}`,
    labels: { [roleLabel]: 'agent' },
    hostProcesses: true,
    mounts: [
      ...group.trees.map(
        ({ kind, source }): AgentMount =>
          kind === 'layer' || kind === 'bind'
            ? { kind: 'host', path: source, readOnly: true }
            : { kind: 'volume', volume: source, readOnly: true },
      ),
      { kind: 'host', path: '/sys/fs/cgroup', readOnly: false },
    ],
  })
  try {
    const addresses = await addressesOf(engine, agent)
    return new Reading(request, agent, await joinAgent(agent.client, { addresses, path, report }))
  } catch (error) {
    await agent.remove()
    throw error
  }
}

/** Whether reading once more while the containers run is worth it. */
function anotherRound(rounds: readonly { bytes: number; seconds: number }[]): boolean {
  const [before, last] = rounds.slice(-2).length === 2 ? rounds.slice(-2) : [undefined, rounds.at(-1)]
  if (!last) return true
  if (rounds.length >= maxRounds || last.bytes < smallBytes || last.seconds < quickSeconds) return false
  return !before || last.bytes < before.bytes * noProgress
}
