import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerDocument } from '../model/documents.ts'
import { exitCodes, WherryError } from '../model/errors.ts'
import type { ContainerPlan } from '../model/plan.ts'
import type { Run } from './run.ts'

/** A container without a health check must stay up this long before it counts as started. */
const steadyMs = 1000
const pollMs = 100
/** Docker's own defaults for a health check (Docker Engine API, HealthConfig). */
const defaults = { intervalMs: 30_000, timeoutMs: 30_000, retries: 3 }

/**
 * Waits until all containers serve. Answers with the moment (monotonic milliseconds) from which they did, which for
 * a container without a health check is that of its start.
 * @throws WherryError `target-did-not-start` with the container's last words.
 */
export async function waitUntilServing(run: Run): Promise<number> {
  const since = run.times.startedMs ?? performance.now()
  const moments = await Promise.all(
    run.plan.containers
      .filter(({ wasRunning }) => wasRunning)
      .map((container) => waitForOne(run, container, since)),
  )
  return Math.max(since, ...moments)
}

/** @throws WherryError `target-did-not-start` when one of the containers that should run on the target does not. */
export async function assertAllRun(run: Run): Promise<void> {
  for (const { name, wasRunning } of run.plan.containers) if (wasRunning) await assertRunning(run, name)
}

async function waitForOne(run: Run, { name, manifest }: ContainerPlan, since: number): Promise<number> {
  const check = healthCommand(manifest.config)
  if (!check) {
    while (performance.now() < since + steadyMs) {
      await assertRunning(run, name)
      await sleep(pollMs, undefined, { signal: run.signal })
    }
    await assertRunning(run, name)
    return since
  }
  const deadline = since + patienceMs(manifest.config.Healthcheck ?? {})
  let last = ''
  while (performance.now() < deadline) {
    run.signal.throwIfAborted()
    await assertRunning(run, name)
    // The engine waits a whole interval before its first check; asking ourselves shortens the wait, not the demand.
    const timeoutMs = Math.min(checkTimeoutMs(manifest.config.Healthcheck), deadline - performance.now())
    const { exitCode, output } = await asked(run, name, check, timeoutMs)
    if (exitCode === 0) return performance.now()
    last = output
    await sleep(pollMs, undefined, { signal: run.signal })
  }
  const seconds = Math.round((performance.now() - since) / 1000)
  throw await failure(
    run,
    name,
    `did not become healthy within ${seconds} s (its check said: ${last.trim().slice(-200) || 'nothing'})`,
  )
}

/** Runs the check once. One that hangs counts as failed, as it does for the engine. */
async function asked(
  run: Run,
  name: string,
  check: string[],
  timeoutMs: number,
): Promise<{ exitCode: number | null; output: string }> {
  const tooLong = sleep(
    timeoutMs,
    { exitCode: null, output: 'no answer in time' },
    { signal: run.signal, ref: false },
  )
  const answer = run.target.containers.exec(name, check).catch(() => ({ exitCode: null, output: '' }))
  return Promise.race([answer, tooLong])
}

/** The command of the container's health check, undefined where it has none. */
export function healthCommand({
  Healthcheck,
  Shell,
}: {
  Healthcheck?: { Test?: string[] }
  Shell?: string[] | null
}): string[] | undefined {
  const [kind, ...rest] = Healthcheck?.Test ?? []
  if (kind === 'CMD') return rest
  if (kind === 'CMD-SHELL') return [...(Shell?.length ? Shell : ['/bin/sh', '-c']), ...rest]
  return undefined
}

function checkTimeoutMs(check: { Timeout?: number } | undefined): number {
  return check?.Timeout ? check.Timeout / 1e6 : defaults.timeoutMs
}

/** How long the container's own settings give it until it must be healthy. The API counts in nanoseconds. */
function patienceMs({
  Interval,
  Timeout,
  Retries,
  StartPeriod,
}: {
  Interval?: number
  Timeout?: number
  Retries?: number
  StartPeriod?: number
}): number {
  const interval = Interval ? Interval / 1e6 : defaults.intervalMs
  const timeout = checkTimeoutMs({ ...(Timeout ? { Timeout } : {}) })
  return (StartPeriod ?? 0) / 1e6 + (Retries || defaults.retries) * (interval + timeout)
}

async function assertRunning(run: Run, name: string): Promise<void> {
  const now = await run.target.containers.inspect(name)
  if (now?.State.Running && !now.State.Restarting) return
  throw await failure(run, name, whyNotRunning(now))
}

function whyNotRunning(container: ContainerDocument | undefined): string {
  if (!container) return 'is gone'
  const { ExitCode, OOMKilled, Error: error } = container.State
  return `ended with exit code ${ExitCode}${OOMKilled ? ' (out of memory)' : ''}${error ? `: ${error}` : ''}`
}

async function failure(run: Run, name: string, what: string): Promise<WherryError> {
  const log = await run.target.containers.logs(name, 20).catch(() => '')
  const lastLines = log.trim().split('\n').slice(-5)
  return new WherryError(
    'target-did-not-start',
    exitCodes.rolledBack,
    `${name} ${what} on ${run.target.name}.`,
    {
      suggestions: lastLines[0] ? [`Its last words there: ${lastLines.join(' | ')}`] : [],
      data: { container: name, log },
    },
  )
}
