import type { Engine } from '../engine/engine.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Report } from '../model/progress.ts'
import type { Standstill } from './config.ts'

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
 */
export async function whileStill<T>(
  engine: Engine,
  manifests: readonly Manifest[],
  how: 'pause' | 'stop',
  report: Report,
  action: () => Promise<T>,
): Promise<StoodStill<T>> {
  const running = manifests.filter(({ state }) => state.running && !state.paused)
  if (running.length === 0) {
    const instantMs = Date.now()
    return { result: await action(), instantMs, pauseSeconds: 0, kind: 'none' }
  }
  const startedMs = performance.now()
  const stilled: Manifest[] = []
  const goOn = () => allDone(stilled.splice(0).map((manifest) => letGoOn(engine, manifest, how, report)))
  try {
    await allDone(
      running.map(async (manifest) => {
        stilled.push(manifest)
        if (how === 'pause') await engine.containers.pause(manifest.id)
        else await engine.containers.stop(manifest.id, { timeoutSeconds: manifest.config.StopTimeout ?? 10 })
      }),
    )
    const instantMs = Date.now()
    const result = await action()
    await goOn()
    return { result, instantMs, pauseSeconds: (performance.now() - startedMs) / 1000, kind: how }
  } finally {
    await goOn()
  }
}

async function letGoOn(
  engine: Engine,
  { id, name }: Manifest,
  how: 'pause' | 'stop',
  report: Report,
): Promise<void> {
  const now = await engine.containers.inspect(id)
  if (!now) return
  if (how === 'pause' && now.State.Paused) await engine.containers.unpause(id)
  else if (how === 'stop' && !now.State.Running) {
    await engine.containers.start(id)
    report({ type: 'note', message: `${name} runs again` })
  }
}

/** Waits for all, and throws the first failure then: none is left to itself. */
async function allDone(work: Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work))
    if (outcome.status === 'rejected') throw outcome.reason
}
