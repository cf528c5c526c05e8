import { posix } from 'node:path'
import type { Engine } from '../engine/engine.ts'
import { exitCodes, messageOf, RefusedError, WherryError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Warning } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'
import type { Group, SourceTree } from './group.ts'

/** The checkpoints that wherry makes are named after their snapshots. */
const prefix = 'wherry-'
const ownName = /^wherry-[0-9a-f]{12}$/

const hasMemory = ({ state }: Manifest) => state.running && !state.paused

/** The engine's directory of a container's checkpoints, which is there from the container's creation on (moby, daemon/create.go). */
export function checkpointsDirectory({ info }: Pick<Engine, 'info'>, containerId: string): string {
  return posix.join(info.DockerRootDir, 'containers', containerId, 'checkpoints')
}

/**
 * What there is to be said when memory is taken along: it holds what containers keep in tmpfs, and secrets of theirs.
 * @throws RefusedError `memory-not-possible` where the engine writes out no memory, or there is none.
 */
export function warnOfMemory(
  engine: Engine,
  { manifests, warnings }: Group,
  redactEnv: readonly string[],
): Warning[] {
  assertMemoryPossible(engine, manifests)
  const without = manifests.filter((manifest) => !hasMemory(manifest))
  const message =
    'The memory of the containers holds the values of all their variables, also of those that are left out.'
  return [
    ...warnings.filter(({ code }) => code !== 'tmpfs' || without.length > 0),
    ...without.map(({ name }) => withoutMemory(name)),
    ...(redactEnv.length > 0 ? [{ code: 'memory-holds-secrets', message }] : []),
  ]
}

function assertMemoryPossible(engine: Engine, manifests: readonly Manifest[]): void {
  if (!engine.info.ExperimentalBuild) {
    throw new RefusedError(
      'memory-not-possible',
      `${engine.name} writes out no memory: its experimental mode is off.`,
      { suggestions: [`What is missing, and how to get it: wherry doctor ${engine.name}`] },
    )
  }
  if (manifests.some(hasMemory)) return
  throw new RefusedError(
    'memory-not-possible',
    'None of the containers runs: there is no memory to be taken.',
    {
      suggestions: ['Start them first, or leave --memory out.'],
    },
  )
}

/** Everything of a group that is read: its directories, and where its memory will lie. */
export function treesOf({
  engine,
  group,
  memory,
}: {
  engine: Engine
  group: Group
  memory: boolean
}): SourceTree[] {
  return memory ? [...group.trees, ...memoryTrees(engine, group.manifests)] : group.trees
}

/** A tree for the memory of each container; its source is the engine's directory of all its checkpoints. */
function memoryTrees(engine: Engine, manifests: readonly Manifest[]): SourceTree[] {
  return manifests.map(({ name, id }) => ({
    id: `memory:${name}`,
    kind: 'memory',
    container: name,
    destination: '',
    source: checkpointsDirectory(engine, id),
  }))
}

/** What is said of a container that was to be taken with its memory and has none. */
function withoutMemory(name: string): Warning {
  return {
    code: 'no-memory',
    message: `${name} does not run, or is paused: the snapshot has no memory of it, and restores without --memory.`,
  }
}

/** The memory of a group's containers at one instant, on their engine's disk. */
export class SavedMemory {
  readonly #engine: Engine
  readonly #group: Group
  readonly #name: string
  /** Checkpoints of ours that were there before, by their containers: a wherry that was killed has left them. */
  readonly #left = new Map<string, string[]>()
  /** Those of which there is a checkpoint, or may be one. */
  readonly #saved: Manifest[] = []

  constructor(engine: Engine, group: Group, snapshotId: string) {
    this.#engine = engine
    this.#group = group
    this.#name = prefix + snapshotId
  }

  /** The directory of each checkpoint, below that of all. */
  get name(): string {
    return this.#name
  }

  get containers(): string[] {
    return this.#saved.map(({ name }) => name)
  }

  /** Containers that ran when the group was looked at, and had ended when memory was taken. */
  get ended(): Warning[] {
    const gone = this.#group.manifests.filter((one) => hasMemory(one) && !this.containers.includes(one.name))
    return gone.map(({ name }) => withoutMemory(name))
  }

  /** Looks which checkpoints of ours are there already. */
  async look(): Promise<void> {
    for (const { id } of this.#group.manifests) {
      const names = await this.#engine.containers.checkpoints.list(id)
      this.#left.set(
        id,
        names.filter((name) => ownName.test(name)),
      )
    }
  }

  /**
   * Writes the memory of paused containers out. One after the other, for the engine's disk is what it waits for; none is begun after
   * the signal. @throws WherryError `memory-not-saved` in the engine's words.
   */
  async save(manifests: readonly Manifest[], signal: AbortSignal): Promise<void> {
    for (const manifest of manifests) {
      signal.throwIfAborted()
      this.#saved.push(manifest)
      await this.#engine.containers.checkpoints.create(manifest.id, this.#name).catch((error) => {
        throw notSaved(this.#engine, manifest.name, error)
      })
    }
  }

  /** Takes the checkpoints off the engine's disk again. What cannot be taken off is a warning: it holds what is in memory. */
  async remove(report: Report): Promise<void> {
    for (const { id, name } of this.#group.manifests) {
      const own = this.containers.includes(name) ? [this.#name] : []
      for (const checkpoint of [...own, ...(this.#left.get(id) ?? [])]) {
        await this.#engine.containers.checkpoints.remove(id, checkpoint).catch((error) => {
          const message = `The memory of ${name} stays on the disk of ${this.#engine.name}, as its checkpoint ${checkpoint}: ${messageOf(error)}`
          report({ type: 'warning', code: 'checkpoint-left', message })
        })
      }
    }
  }
}

function notSaved(engine: Engine, container: string, cause: unknown): WherryError {
  return new WherryError(
    'memory-not-saved',
    exitCodes.rolledBack,
    `The memory of ${container} cannot be written out on ${engine.name}; it goes on, and there is no snapshot: ${messageOf(cause)}`,
    {
      cause,
      suggestions: [
        'Connections that are open need "tcp-established" in /etc/criu/runc.conf on the engine’s host.',
        `What else is missing there: wherry doctor ${engine.name}`,
        'Without --memory the snapshot has everything but the memory.',
      ],
    },
  )
}
