import { setTimeout as sleep } from 'node:timers/promises'
import { EngineUnreachableError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'

/** How long an engine that went away is waited for where giving up would leave things half done. A daemon restarts in seconds. */
const patienceMs = 60_000
const pauseMs = 500

/**
 * Tries again while an engine does not answer, for a minute at the most.
 * @throws the last failure; anything but an unreachable engine at once.
 */
export async function patiently<T>(
  report: Report,
  action: () => Promise<T>,
  waitMs = patienceMs,
): Promise<T> {
  const deadline = performance.now() + waitMs
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await action()
    } catch (error) {
      if (!(error instanceof EngineUnreachableError) || performance.now() > deadline) throw error
      if (isFirst) {
        report({
          type: 'note',
          message: `${error.message} Waiting up to ${waitMs / 1000} s for it to come back.`,
        })
      }
      await sleep(pauseMs)
    }
  }
}
