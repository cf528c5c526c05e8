import type { Writable } from 'node:stream'
import type { Engine } from '../engine/engine.ts'
import { hasStatus } from '../engine/failures.ts'
import type { ContainerSummary } from '../model/documents.ts'
import { exitCodes, WherryError } from '../model/errors.ts'
import { migrationLabel, roleLabel } from '../model/plan.ts'

/** The labels of a lock: the id and the name of the container that it locks. */
const lockedIdLabel = 'wherry.locks'
const lockedNameLabel = 'wherry.locks-name'

const beatMs = 5_000
/** A lock that hears nothing for so long ends: its owner's machine is asleep, cut off or gone. */
const silenceSeconds = 30

/** What is locked, and for which migration. */
export interface LockSettings {
  /** An image with a shell that the engine has. */
  image: string
  migration: string
  container: { id: string; name: string }
  /** Further labels: facts for whoever finds the lock of a dead run. */
  labels: Record<string, string>
}

/** A lock as it is on an engine. */
export interface FoundLock {
  id: string
  migration: string
  container: { id: string; name: string }
  /** Whether its owner still holds it. One that nobody holds can be taken over. */
  isHeld: boolean
  labels: Record<string, string>
}

/**
 * A lock on one container, held on the engine itself: a container with a name that can be there only once. It runs for as
 * long as its owner's connection lasts and it hears from its owner, so anybody can see whether the owner lives.
 */
export class Lock {
  readonly #engine: Engine
  readonly #id: string
  readonly #settings: LockSettings
  #stdin: Writable | undefined
  #beat: NodeJS.Timeout | undefined

  private constructor(engine: Engine, id: string, settings: LockSettings) {
    this.#engine = engine
    this.#id = id
    this.#settings = settings
  }

  /** @throws WherryError `locked` (exit 6), which says whether the owner lives and what to do. */
  static async acquire(engine: Engine, settings: LockSettings): Promise<Lock> {
    const { container } = settings
    const name = `wherry-lock-${container.id.slice(0, 32)}`
    const id = await engine.containers.create(name, lockRequest(settings)).catch(async (error) => {
      const other = hasStatus(error, 409) ? await findLock(engine, container.id) : undefined
      throw other ? lockedError(engine, other) : error
    })
    const lock = new Lock(engine, id, settings)
    try {
      await lock.#hold()
      return lock
    } catch (error) {
      // Why it could not be held says more than why it could not be given up.
      await lock.release().catch(() => {})
      throw error
    }
  }

  /**
   * Makes sure that the lock is still ours, and holds it again where only the connection or the engine had gone away.
   * @throws WherryError `lock-lost` (exit 6) when another run took it over: nothing may be done any more.
   */
  async assertHeld(): Promise<void> {
    const now = await this.#engine.containers.inspect(this.#id)
    if (now?.State.Running && this.#stdin && !this.#stdin.destroyed) return
    // Whoever takes a lock over removes it first: while ours is there, nobody did.
    if (!now) throw this.#lost()
    if (now.State.Running) await this.#engine.containers.stop(this.#id)
    await this.#hold()
  }

  /** Gives the lock up. Safe to call twice. */
  async release(): Promise<void> {
    this.#letGo()
    await this.#engine.containers.remove(this.#id)
  }

  async #hold(): Promise<void> {
    this.#letGo()
    const { stdin, stdout, stderr } = await this.#engine.containers.attach(this.#id)
    // A broken connection is noticed when the lock is next asserted.
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {})
    stdout.resume()
    stderr.resume()
    await this.#engine.containers.start(this.#id).catch((error) => {
      throw hasStatus(error, 404) ? this.#lost() : error
    })
    this.#stdin = stdin
    this.#beat = setInterval(() => stdin.write('\n'), beatMs).unref()
  }

  #letGo(): void {
    clearInterval(this.#beat)
    this.#stdin?.destroy()
    this.#stdin = undefined
  }

  #lost(): WherryError {
    const { migration, container } = this.#settings
    const engine = this.#engine.name
    return new WherryError(
      'lock-lost',
      exitCodes.locked,
      `The lock on ${container.name} is gone from ${engine}: another run has taken over migration ${migration}, or somebody removed the lock. Nothing more was done here.`,
      {
        suggestions: [
          `See what became of it: wherry migration show ${migration}`,
          `See what is on the engine, also for a run on another machine: wherry migration list ${engine}`,
          `If no other run has it, put the source back: wherry migration rollback ${migration}`,
          `Or go on: wherry migration resume ${migration}`,
        ],
        data: { migration, container: container.name, engine },
      },
    )
  }
}

/** All locks on an engine, of one migration where one is named. */
export async function findLocks(engine: Engine, migration?: string): Promise<FoundLock[]> {
  const labels = [`${roleLabel}=lock`, ...(migration ? [`${migrationLabel}=${migration}`] : [])]
  return (await engine.containers.list({ labels })).map(foundLock)
}

/** The lock on one container, undefined where there is none. */
export async function findLock(engine: Engine, containerId: string): Promise<FoundLock | undefined> {
  const labels = [`${roleLabel}=lock`, `${lockedIdLabel}=${containerId}`]
  return (await engine.containers.list({ labels })).map(foundLock)[0]
}

/** Removes a lock that nobody holds. @throws WherryError `locked` when somebody does. */
export async function removeDeadLock(engine: Engine, lock: FoundLock): Promise<void> {
  if (lock.isHeld) throw lockedError(engine, lock)
  await engine.containers.removeStopped(lock.id).catch((error) => {
    throw hasStatus(error, 409) ? lockedError(engine, { ...lock, isHeld: true }) : error
  })
}

/** The error for a container that is locked (exit 6): by a run that lives, or by one that ended half-way. */
export function lockedError(engine: Engine, { migration, container, isHeld }: FoundLock): WherryError {
  const message = isHeld
    ? `${container.name} on ${engine.name} is being moved by another run: migration ${migration}.`
    : `${container.name} on ${engine.name} belongs to migration ${migration}, which ended half-way.`
  const suggestions = isHeld
    ? [
        'Wait until it has ended.',
        `If its machine is gone, the lock frees itself within ${silenceSeconds} s: wherry migration rollback ${migration}`,
      ]
    : [`Put it back: wherry migration rollback ${migration}`, `Go on: wherry migration resume ${migration}`]
  return new WherryError('locked', exitCodes.locked, message, {
    suggestions,
    data: { migration, container: container.name, engine: engine.name, held: isHeld },
  })
}

function foundLock({ Id, Labels, State, Created }: ContainerSummary): FoundLock {
  // Between its creation and its start a lock is held too.
  const isNew = State === 'created' && Date.now() / 1000 - Created < silenceSeconds
  return {
    id: Id,
    migration: Labels[migrationLabel] ?? '',
    container: { id: Labels[lockedIdLabel] ?? '', name: Labels[lockedNameLabel] ?? '' },
    isHeld: State === 'running' || isNew,
    labels: Labels,
  }
}

function lockRequest({ image, migration, container, labels }: LockSettings): Record<string, unknown> {
  return {
    Image: image,
    Entrypoint: ['bash', '-c', `while read -r -t ${silenceSeconds} _; do :; done`],
    Cmd: [],
    Labels: {
      ...labels,
      [migrationLabel]: migration,
      [roleLabel]: 'lock',
      [lockedIdLabel]: container.id,
      [lockedNameLabel]: container.name,
    },
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    StopSignal: 'SIGKILL',
    HostConfig: {
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'none', Config: {} },
    },
  }
}
