import { posix } from 'node:path'
import type { Engine } from '../engine/engine.ts'
import { exitCodes, messageOf, RefusedError, WherryError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Warning } from '../model/plan.ts'
import type { Group, SourceTree } from './group.ts'

/** Begins the names of all checkpoints that wherry makes; the snapshot's id follows. */
const prefix = 'wherry-'

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
  const message =
    'The memory of the containers holds the values of all their variables, also of those that are left out.'
  return [
    ...warnings.filter(({ code }) => code !== 'tmpfs' || manifests.some(({ state }) => !state.running)),
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
  if (manifests.some(({ state }) => state.running)) return
  throw new RefusedError('memory-not-possible', 'None of the containers runs: they have no memory.', {
    suggestions: ['Start them first, or leave --memory out.'],
  })
}

/** A tree for the memory of each container; its source is the engine's directory of all its checkpoints. */
export function memoryTrees(engine: Engine, manifests: readonly Manifest[]): SourceTree[] {
  return manifests.map(({ name, id }) => ({
    id: `memory:${name}`,
    kind: 'memory',
    container: name,
    destination: '',
    source: checkpointsDirectory(engine, id),
  }))
}

/** The memory of containers at one instant, on their engine's disk. */
export class SavedMemory {
  readonly #engine: Engine
  readonly #name: string
  /** Those of which there is a checkpoint, or may be one. */
  #saved: Manifest[] = []

  constructor(engine: Engine, snapshotId: string) {
    this.#engine = engine
    this.#name = prefix + snapshotId
  }

  /** The directory of each checkpoint, below that of all. */
  get name(): string {
    return this.#name
  }

  get containers(): string[] {
    return this.#saved.map(({ name }) => name)
  }

  /**
   * Writes the memory of paused containers out. One after the other, for the engine's disk is what it waits for.
   * @throws WherryError `memory-not-saved` in the engine's words.
   */
  async save(manifests: readonly Manifest[]): Promise<void> {
    for (const manifest of manifests) {
      this.#saved.push(manifest)
      await this.#engine.containers.checkpoints.create(manifest.id, this.#name).catch((error) => {
        throw notSaved(this.#engine, manifest.name, error)
      })
    }
  }

  /** Takes the checkpoints off the engine's disk again, and those that a killed wherry left there. */
  async remove(manifests: readonly Manifest[]): Promise<void> {
    const { checkpoints } = this.#engine.containers
    for (const { id } of manifests) {
      const names = await checkpoints.list(id).catch(() => [])
      for (const name of names.filter((one) => one.startsWith(prefix))) await checkpoints.remove(id, name)
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
