import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../engine/engine.ts'
import { dockerFor } from '../migrate/checks/check.ts'
import { exitCodes, messageOf, RefusedError, WherryError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Warning } from '../model/plan.ts'
import type { Report } from '../model/progress.ts'

/** Commands that are run in containers, by the container's name. */
export type Commands = ReadonlyMap<string, string>

/** What is run in containers right before they stand still, and as soon as they go on. */
export interface Hooks {
  before: Commands
  after: Commands
}

export const noHooks: Hooks = { before: new Map(), after: new Map() }

export interface HooksRequest {
  engine: Engine
  manifests: readonly Manifest[]
  hooks: Hooks
  /** One that takes longer has failed. */
  limitSeconds: number
  report: Report
  /** Is told what went wrong when everything else went right. */
  warnings: Warning[]
  signal: AbortSignal
}

const shownOutput = 300
const assignment = /^[\w.-]+=\S*$/

/**
 * Does something between the commands before and after it, each run by the container's own shell. Once one of the first has
 * begun, or there is none, all of the last are run, whatever happens meanwhile.
 * @throws WherryError `hook-failed` when one of the first fails: nothing is done then.
 */
export async function betweenHooks<T>(request: HooksRequest, action: () => Promise<T>): Promise<T> {
  const { hooks, report, signal, warnings } = request
  try {
    for (const [name, command] of hooks.before) {
      // One that has begun is waited for: what is run afterwards must not come before its end.
      await runHook(request, name, command)
      signal.throwIfAborted()
    }
    return await action()
  } finally {
    for (const [name, command] of hooks.after) {
      await runHook(request, name, command).catch((error) => {
        const warning = { code: 'hook-failed', message: messageOf(error) }
        report({ type: 'warning', ...warning })
        warnings.push(warning)
      })
    }
  }
}

async function runHook(
  { engine, limitSeconds, manifests, report }: HooksRequest,
  name: string,
  command: string,
): Promise<void> {
  const manifest = manifests.find((one) => one.name === name)
  const now = manifest && (await engine.containers.inspect(manifest.id))
  if (!manifest || !now?.State.Running || now.State.Paused) {
    report({ type: 'note', message: `${name} does not run: "${command}" was not run in it` })
    return
  }
  report({ type: 'note', message: `${name}: ${command}` })
  const { exitCode, output } = await within(limitSeconds, () =>
    engine.containers.exec(manifest.id, ['/bin/sh', '-c', command]),
  )
  if (exitCode === 0) return
  const said = output.trim().slice(-shownOutput)
  throw new WherryError(
    'hook-failed',
    exitCodes.rolledBack,
    `"${command}" failed in ${name}${exitCode === null ? '' : ` (exit code ${exitCode})`}${said ? `: ${said}` : ''}`,
    {
      suggestions: [`Try it yourself: ${asTyped(engine.name, name, command)}`],
      data: { container: name, exitCode },
    },
  )
}

/** A command as a user types it on a shell of his own. */
export function asTyped(engine: string, name: string, command: string): string {
  return `${dockerFor(engine)} exec ${name} sh -c '${command.replaceAll("'", "'\\''")}'`
}

/** Waits for a command no longer than that. An engine cannot end it. */
async function within(
  limitSeconds: number,
  exec: () => Promise<{ exitCode: number | null; output: string }>,
): Promise<{ exitCode: number | null; output: string }> {
  const over = new AbortController()
  const tooLong = { exitCode: null, output: `no end within ${limitSeconds} s; it runs still` }
  try {
    return await Promise.race([exec(), sleep(limitSeconds * 1000, tooLong, { signal: over.signal })])
  } finally {
    over.abort()
  }
}

/**
 * Reads commands as they are given: `NAME=COMMAND` with the name of one of the containers, or a command alone where there is
 * only one. @throws RefusedError `hook-not-clear`.
 */
export function parseHooks(words: readonly string[], names: readonly string[]): Commands {
  const commands = new Map<string, string>()
  for (const word of words) {
    const name = word.slice(0, Math.max(0, word.indexOf('=')))
    const [only, ...others] = names
    // Nothing but an assignment is a name that was spelt wrong: the shell would do nothing, and say so to nobody.
    const isCommand = others.length === 0 && !assignment.test(word)
    const container = names.includes(name) ? name : isCommand ? only : undefined
    if (container === undefined || commands.has(container)) {
      throw new RefusedError(
        'hook-not-clear',
        container === undefined
          ? `In which container is "${word}" to be run?`
          : `There are two commands for ${container}.`,
        { suggestions: [`Name one container before each: --before NAME=COMMAND, of ${names.join(', ')}`] },
      )
    }
    commands.set(container, names.includes(name) ? word.slice(name.length + 1) : word)
  }
  return commands
}

/** Running containers that nothing keeps from writing while they are read. */
export function withoutHook(running: readonly string[], before: Commands): Warning[] {
  return running
    .filter((name) => !before.has(name))
    .map((name) => ({
      code: 'no-hook',
      message: `${name} goes on, and no command keeps its files whole while they are read: --before ${name}=COMMAND`,
    }))
}
