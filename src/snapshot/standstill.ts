import type { Engine } from '../engine/engine.ts'
import { findLocks, lockedError } from '../launch/lock.ts'
import { dockerFor } from '../migrate/checks/check.ts'
import { patiently } from '../migrate/patience.ts'
import { exitCodes, messageOf, RefusedError, WherryError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Standstill } from './config.ts'
import { pauseAll, type StandstillRequest, stopAll } from './still.ts'

/** What a group's standing still came to. */
export interface StoodStill<T> {
  result: T
  /** When everything stood still, milliseconds since 1970. */
  instantMs: number
  /** From the first order to the last container's going on. */
  pauseSeconds: number
  kind: Standstill
}

/**
 * Does something while none of the running containers of a group does anything, all of them at once, and lets them go on
 * afterwards whatever happens. One that somebody had paused before stays so.
 * @throws WherryError `pause-too-long` when that took longer than the limit: what was done then proves nothing; `left-still`
 * when they cannot be let go on.
 */
export async function whileStill<T>(
  request: StandstillRequest,
  action: (running: Manifest[]) => Promise<T>,
): Promise<StoodStill<T>> {
  const { engine, how, manifests, report } = request
  // Others may have started and stopped containers since the manifests were made.
  const before = await runningNow(engine, manifests)
  const running = manifests.filter(({ id }) => before.has(id))
  const removed = running.filter(({ hostConfig }) => hostConfig.AutoRemove === true)
  if (how === 'stop' && removed.length > 0) throw wouldBeRemoved(removed)
  await assertNotMoving(engine, manifests)
  if (running.length === 0 || how === 'hooks') {
    const instantMs = Date.now()
    const result = await withinLimit(request, () => action(running))
    await assertNoneStarted(request, before)
    return { instantMs, result, pauseSeconds: 0, kind: running.length === 0 ? 'none' : 'hooks' }
  }
  const still = how === 'pause' ? await pauseAll(request, running) : await stopAll(request, running)
  const instantMs = Date.now()
  let result: T
  try {
    result = await withinLimit(request, () => action(running))
    await assertNoneStarted(request, how === 'pause' ? before : new Map())
  } finally {
    await patiently(report, () => still.goOn()).catch((error) => {
      throw leftStill(request, running, error)
    })
  }
  const pauseSeconds = (performance.now() - still.startedMs) / 1000
  if (still.wasCutShort()) throw tooLong(request)
  return { result, instantMs, pauseSeconds, kind: how }
}

/** Lets the agent end what it reads when the limit is over. @throws WherryError `pause-too-long`. */
async function withinLimit<T>(request: StandstillRequest, action: () => Promise<T>): Promise<T> {
  let isOver = false
  const timer = setTimeout(() => {
    isOver = true
    // An agent that has gone ends the action by that.
    request.agent.request('abort', { reason: 'it took too long' }).catch(() => undefined)
  }, request.limitSeconds * 1000)
  try {
    const result = await action()
    // Not everything can be broken off.
    if (isOver) throw tooLong(request)
    return result
  } catch (error) {
    throw isOver ? tooLong(request) : error
  } finally {
    clearTimeout(timer)
  }
}

/** Letting a container go on that a migration has brought to a standstill would give two of it. @throws WherryError `locked`. */
export async function assertNotMoving(engine: Engine, manifests: readonly Manifest[]): Promise<void> {
  const ids = new Set(manifests.map(({ id }) => id))
  const lock = (await findLocks(engine)).find(({ container, isHeld }) => isHeld && ids.has(container.id))
  if (lock) throw lockedError(engine, lock)
}

/** The containers that run and are not paused, by id, each with when it was started. */
async function runningNow(engine: Engine, manifests: readonly Manifest[]): Promise<Map<string, string>> {
  const documents = await Promise.all(manifests.map(({ id }) => engine.containers.inspect(id)))
  const running = documents.filter((document) => document?.State.Running && !document.State.Paused)
  return new Map(running.map((document) => [document?.Id ?? '', document?.State.StartedAt ?? '']))
}

/** @throws WherryError `started-meanwhile` when a container has been started while all of them should have stood still. */
async function assertNoneStarted(
  { engine, manifests }: StandstillRequest,
  before: ReadonlyMap<string, string>,
): Promise<void> {
  const now = await runningNow(engine, manifests)
  const started = manifests.filter(({ id }) => now.has(id) && now.get(id) !== before.get(id))
  if (started.length === 0) return
  const names = started.map(({ name }) => name).join(', ')
  throw new WherryError(
    'started-meanwhile',
    exitCodes.rolledBack,
    `${names} was started on ${engine.name} while everything had to stand still; there is no snapshot.`,
    { suggestions: ['Find out who did it, and try again: what was read already is not read again.'] },
  )
}

function wouldBeRemoved(manifests: readonly Manifest[]): RefusedError {
  const names = manifests.map(({ name }) => name).join(', ')
  return new RefusedError(
    'stop-removes',
    `${names} was started with --rm: the engine would remove it, and its anonymous volumes, when it is stopped.`,
    { suggestions: ['--standstill pause stops nothing.'] },
  )
}

/** Whether an error says that containers stand still yet. */
export function isLeftStill(error: unknown): boolean {
  return error instanceof WherryError && error.code === 'left-still'
}

function leftStill({ engine, how }: StandstillRequest, running: Manifest[], cause: unknown): WherryError {
  const names = running.map(({ name }) => name).join(' ')
  return new WherryError(
    'left-still',
    exitCodes.needsUser,
    `Not all of ${names} could be let go on on ${engine.name}: ${messageOf(cause)}`,
    {
      cause,
      suggestions:
        how === 'stop'
          ? [`When it answers: ${dockerFor(engine.name)} start ${names}`]
          : [
              `Where one is shown as paused: ${dockerFor(engine.name)} unpause ${names}`,
              'Where one runs and does nothing: the next snapshot of it lets it go on.',
            ],
      data: { containers: running.map(({ name }) => name) },
    },
  )
}

function tooLong({ limitSeconds }: StandstillRequest): WherryError {
  return new WherryError(
    'pause-too-long',
    exitCodes.rolledBack,
    `What changed last could not be read within ${limitSeconds} s; the containers go on, and there is no snapshot.`,
    {
      suggestions: [
        'Try again when less is written: what was read already is not read again.',
        'Let them stand still for longer: --max-pause SECONDS',
      ],
    },
  )
}
