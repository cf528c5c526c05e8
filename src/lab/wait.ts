import { setTimeout as sleep } from 'node:timers/promises'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'

/** What `waitFor` needs to know. */
export interface Wait {
  /** What is waited for, as it follows "waited for": `the engine alpha to answer`. */
  what: string
  timeoutMs: number
  everyMs?: number
  /** The end of the log that tells why it did not come; read only on failure. */
  log?: () => Promise<string>
}

/**
 * Asks `probe` again and again until it gives something other than undefined, and returns that. A probe that
 * throws counts as not yet. Throws `lab-timeout` with the last reason and the tail of the log.
 */
export async function waitFor<T>(wait: Wait, probe: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + wait.timeoutMs
  let reason = ''
  for (;;) {
    try {
      const found = await probe()
      if (found !== undefined) return found
    } catch (error) {
      reason = messageOf(error)
    }
    if (Date.now() >= end) break
    await sleep(wait.everyMs ?? 100)
  }
  const log = (await wait.log?.().catch(messageOf)) ?? ''
  throw labFailure(
    'lab-timeout',
    `waited ${wait.timeoutMs / 1000} s for ${wait.what} in vain${reason && ` (${reason})`}`,
    log,
  )
}

/** An error of the lab's own making, with the tail of the log that explains it. */
export function labFailure(code: string, message: string, log: string): WherryError {
  const tail = log.trimEnd().split('\n').slice(-20).join('\n')
  return new WherryError(code, exitCodes.unexpected, tail ? `${message}\n${tail}` : message, {
    suggestions: ['Run `wherry lab down`, then `wherry lab up` to start afresh'],
    data: { log: tail },
  })
}
