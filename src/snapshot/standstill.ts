import type { AgentClient } from '../agent/client.ts'
import type { Engine } from '../engine/engine.ts'
import { dockerFor } from '../migrate/checks/check.ts'
import { patiently } from '../migrate/patience.ts'
import { exitCodes, messageOf, RefusedError, WherryError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Report } from '../model/progress.ts'
import type { Standstill } from './config.ts'
import { thawAnew } from './thaw.ts'

/** What a group's standing still came to. */
export interface StoodStill<T> {
  result: T
  /** When everything stood still, milliseconds since 1970. */
  instantMs: number
  /** From the first order to the last container's going on. */
  pauseSeconds: number
  kind: Standstill
}

/** `hooks`: they go on; what was run in them before sees to it that what is read is whole. */
export type StandstillKind = Exclude<Standstill, 'none'>

export interface StandstillRequest {
  engine: Engine
  manifests: readonly Manifest[]
  how: StandstillKind
  /** In the host's namespaces, with control groups mounted at `controlGroups`. */
  agent: AgentClient
  controlGroups: string
  /** They are not paused for longer, whatever happens; one that is stopped goes on as soon as it can. */
  limitSeconds: number
  report: Report
}

/**
 * Does something while none of the running containers of a group does anything, all of them at once, and lets them go on
 * afterwards whatever happens. One that somebody had paused before stays so.
 * @throws WherryError `pause-too-long` when that took longer than the limit: what was done then proves nothing; `left-still`
 * when they cannot be let go on.
 */
export async function whileStill<T>(
  request: StandstillRequest,
  action: () => Promise<T>,
): Promise<StoodStill<T>> {
  const { engine, how, manifests, report } = request
  // Others may have started and stopped containers since the manifests were made.
  const before = await runningNow(engine, manifests)
  const running = manifests.filter(({ id }) => before.has(id))
  const removed = running.filter(({ hostConfig }) => hostConfig.AutoRemove === true)
  if (how === 'stop' && removed.length > 0) throw wouldBeRemoved(removed)
  const startedMs = performance.now()
  if (running.length === 0 || how === 'hooks') {
    const instantMs = Date.now()
    const result = await withinLimit(request, action)
    await assertNoneStarted(request, before)
    return { instantMs, result, pauseSeconds: 0, kind: running.length === 0 ? 'none' : 'hooks' }
  }
  const still = how === 'pause' ? await pauseAll(request, running) : await stopAll(request, running)
  const instantMs = Date.now()
  let result: T
  try {
    result = await withinLimit(request, action)
    await assertNoneStarted(request, how === 'pause' ? before : new Map())
  } finally {
    await patiently(report, () => still.goOn()).catch((error) => {
      throw leftStill(request, running, error)
    })
  }
  const pauseSeconds = (performance.now() - startedMs) / 1000
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
    return await action()
  } catch (error) {
    throw isOver ? tooLong(request) : error
  } finally {
    clearTimeout(timer)
  }
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

interface Still {
  goOn(): Promise<void>
  /** Whether they went on before they were told to. */
  wasCutShort(): boolean
}

/**
 * The agent freezes them and thaws them by itself when its connection ends. Where it cannot, the engine pauses them, and only
 * this process lets them go on.
 */
async function pauseAll(
  { agent, controlGroups, engine, limitSeconds, report }: StandstillRequest,
  running: Manifest[],
): Promise<Still> {
  let isFrozen = true
  try {
    await agent.request('freeze', {
      containers: running.map(({ id }) => id),
      root: controlGroups,
      limitSeconds,
    })
    return {
      goOn: async () => {
        const thawed = await agent.request('thaw', {}).catch(() => undefined)
        isFrozen = thawed?.wasFrozen === true
        // One that ended by itself has thawed them, and one that was killed has not: which it was cannot be told.
        const ids = running.map(({ id }) => id)
        if (!thawed) await thawAnew(engine, ids, report)
      },
      wasCutShort: () => !isFrozen,
    }
  } catch (error) {
    if (!(error instanceof WherryError && error.code === 'cannot-freeze')) {
      // An agent that was killed in the middle of it has thawed nothing.
      const ids = running.map(({ id }) => id)
      if (agent.isGone) await patiently(report, () => thawAnew(engine, ids, report))
      throw error
    }
    report({ type: 'note', message: `${error.message}: the engine pauses instead` })
  }
  return eachOf(
    running,
    (id) => engine.containers.pause(id),
    async (id) => {
      if ((await engine.containers.inspect(id))?.State.Paused) await engine.containers.unpause(id)
    },
    report,
  )
}

function stopAll({ engine, report }: StandstillRequest, running: Manifest[]): Promise<Still> {
  const patience = new Map(running.map(({ id, config }) => [id, config.StopTimeout ?? 10]))
  const stop = (id: string) => engine.containers.stop(id, { timeoutSeconds: patience.get(id) ?? 10 })
  const goOn = async (id: string) => {
    const now = await engine.containers.inspect(id)
    if (!now || now.State.Running) return
    await engine.containers.start(id)
    report({ type: 'note', message: `${now.Name.slice(1)} runs again` })
  }
  return eachOf(running, stop, goOn, report)
}

/** Brings each to a standstill; when one cannot be, all go on. */
async function eachOf(
  running: Manifest[],
  stop: (id: string) => Promise<void>,
  goOn: (id: string) => Promise<void>,
  report: Report,
): Promise<Still> {
  const still = { goOn: () => allDone(running.map(({ id }) => goOn(id))), wasCutShort: () => false }
  try {
    await allDone(running.map(({ id }) => stop(id)))
    return still
  } catch (error) {
    await patiently(report, () => still.goOn())
    throw error
  }
}

/** Waits for all, and throws the first failure then: none is left to itself. */
async function allDone(work: Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work))
    if (outcome.status === 'rejected') throw outcome.reason
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
