import type { AgentClient } from '../agent/client.ts'
import type { Engine } from '../engine/engine.ts'
import { hasStatus } from '../engine/failures.ts'
import { patiently } from '../migrate/patience.ts'
import { exitCodes, WherryError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Report } from '../model/progress.ts'
import type { Standstill } from './config.ts'
import { thawAnew } from './thaw.ts'

/** `hooks`: they go on; what was run in them before sees to it that what is read is whole. */
export type StandstillKind = Exclude<Standstill, 'none'>

export interface StandstillRequest {
  engine: Engine
  manifests: readonly Manifest[]
  how: StandstillKind
  /** In the host's namespaces, with control groups mounted at `controlGroups`. */
  agent: AgentClient
  controlGroups: string
  /** The engine pauses them, as it must where it is to write out their memory. */
  byEngine?: boolean
  /** They are not paused for longer, whatever happens; one that is stopped goes on as soon as it can. */
  limitSeconds: number
  report: Report
}

/** Containers that stand still. */
export interface Still {
  /** Since when, by `performance.now()`. */
  startedMs: number
  goOn(): Promise<void>
  /** Whether they went on before they were told to. */
  wasCutShort(): boolean
}

/**
 * The agent freezes them and thaws them by itself when its connection ends. Where it cannot or must not, the engine pauses them, and only
 * this process lets them go on.
 */
export async function pauseAll(request: StandstillRequest, running: Manifest[]): Promise<Still> {
  const { agent, controlGroups, engine, limitSeconds, report } = request
  if (request.byEngine) return pauseByEngine(request, running)
  let isFrozen = true
  try {
    const { milliseconds } = await agent.request('freeze', {
      containers: running.map(({ id }) => id),
      root: controlGroups,
      limitSeconds,
    })
    return {
      startedMs: performance.now() - milliseconds,
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
    if (error instanceof WherryError && error.code === 'frozen-by-other') throw readByOther(running, error)
    if (!(error instanceof WherryError && error.code === 'cannot-freeze')) {
      // An agent that was killed in the middle of it has thawed nothing.
      const ids = running.map(({ id }) => id)
      if (agent.isGone) await patiently(report, () => thawAnew(engine, ids, report))
      throw error
    }
    report({ type: 'note', message: `${error.message}: the engine pauses instead` })
  }
  return pauseByEngine(request, running)
}

function readByOther(running: readonly Manifest[], cause: WherryError): WherryError {
  const names = running.map(({ name }) => name).join(', ')
  return new WherryError(
    'frozen-by-other',
    exitCodes.locked,
    `Somebody else, such as another snapshot, keeps ${names}, or one of them, standing still.`,
    { cause, suggestions: ['Wait until that has ended, and try again.'] },
  )
}

function pauseByEngine({ engine, report }: StandstillRequest, running: Manifest[]): Promise<Still> {
  /** What another has paused is for that one to let go on. */
  const others = new Set<string>()
  return eachOf(
    running,
    (id) =>
      engine.containers.pause(id).catch((error) => {
        if (hasStatus(error, 409)) others.add(id)
        throw error
      }),
    async (id) => {
      if (others.has(id)) return
      if ((await engine.containers.inspect(id))?.State.Paused) await engine.containers.unpause(id)
    },
    report,
  )
}

/** Stops them as they ask for it. */
export function stopAll({ engine, report }: StandstillRequest, running: Manifest[]): Promise<Still> {
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
  const startedMs = performance.now()
  const still = {
    startedMs,
    goOn: () => allDone(running.map(({ id }) => goOn(id))),
    wasCutShort: () => false,
  }
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
