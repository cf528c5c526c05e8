import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../model/errors.ts'
import { keyVariable, type StretchSettings, settingsFrom } from './settings.ts'
import { ensureLink, removeLink } from './vxlan.ts'

/** How long changes are given to settle, and how often somebody looks although nothing was heard. */
const settleMs = 200
const lookAgainMs = 10_000

/**
 * Keeps this host's end of a stretched network as it should be, whatever others do to interfaces and filters, until it is
 * told to stop (SIGTERM); then takes it away. Runs in the host's network namespace with NET_ADMIN.
 */
export async function keepStretched(given: unknown): Promise<void> {
  const settings = checked(given)
  const stopped = new AbortController()
  process.on('SIGTERM', () => stopped.abort())
  const changes = watchInterfaces(stopped.signal)
  let said = ''
  while (!stopped.signal.aborted) {
    const now = await ensureLink(settings, process.env[keyVariable]).then(
      // After a failure also that all is right again without a change.
      (done) => done.join(', ') || (said && 'joined'),
      (error) => `not joined: ${messageOf(error)}`,
    )
    if (now !== said) process.stdout.write(`${settings.network}: ${now}\n`)
    said = now.startsWith('not joined') ? now : ''
    await changes.next(lookAgainMs)
  }
  await removeLink(settings)
  process.exit(0)
}

/** Takes away what a keeper left that could not do so itself. Runs as a keeper does. */
export async function unstretch(given: unknown): Promise<void> {
  await removeLink(checked(given))
}

function checked(given: unknown): StretchSettings {
  const settings = settingsFrom(given)
  if (!settings) throw new Error('These are no settings of a stretched network.')
  return settings
}

/** Hears of every change of an interface, rtnetlink(7). */
function watchInterfaces(signal: AbortSignal): { next(timeoutMs: number): Promise<void> } {
  let hasChanged = false
  let wake = () => {}
  const heard = () => {
    hasChanged = true
    wake()
  }
  const monitor = spawn('ip', ['monitor', 'link'], { stdio: ['ignore', 'pipe', 'inherit'] })
  // Without it the keeper still looks now and then.
  monitor.on('error', () => {})
  createInterface(monitor.stdout).on('line', heard)
  signal.addEventListener('abort', heard)
  return {
    async next(timeoutMs) {
      if (!hasChanged) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      if (!signal.aborted) await sleep(settleMs)
      hasChanged = false
    },
  }
}
