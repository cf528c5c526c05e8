import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { program } from '../lab/harness/wherry.ts'

const pauseModule = fileURLToPath(new URL('./pause.mjs', import.meta.url))
const timeoutMs = 150_000

/** A record of the journal, as `STEP/TYPE`, at which wherry is interfered with. */
export interface PausePoint {
  record: string
  /** Whether wherry stands still there until told to go on. */
  stops: boolean
}

/** How a wherry command ended. */
export interface CommandEnd {
  /** Undefined when it was killed. */
  exitCode: number | undefined
  seconds: number
  stderr: string
  // biome-ignore lint/suspicious/noExplicitAny: documents of every command
  json: any
}

/** A wherry command with --json that runs, and can be made to stand still right after a record of its journal. */
export class RunningCommand {
  readonly ended: Promise<CommandEnd>
  readonly #child: ChildProcess
  readonly #reached: Promise<boolean>

  constructor(
    args: readonly string[],
    stateDirectory: string,
    point?: PausePoint,
    environment: Record<string, string> = {},
  ) {
    const env = {
      ...process.env,
      ...environment,
      WHERRY_STATE_DIR: stateDirectory,
      WHERRY_PAUSE_AT: point?.record ?? '',
      WHERRY_PAUSE_STOPS: point?.stops ? '1' : '',
    }
    const words = ['--import', pauseModule, program, ...args, '--json', '--progress', 'none']
    this.#child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'] })
    this.ended = this.#end()
    const signal = this.#child.stdio[3] as Readable
    this.#reached = Promise.race([
      once(signal, 'data').then(() => true),
      once(this.#child, 'close').then(() => false),
    ])
    this.#child.stdio[4]?.on('error', () => {})
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Waits for the pause point; false when the command ended without coming there. */
  reached(): Promise<boolean> {
    return this.#reached
  }

  goOn(): void {
    ;(this.#child.stdio[4] as Writable).end('.')
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async #end(): Promise<CommandEnd> {
    const startedAt = performance.now()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs)
    const closed = once(this.#child, 'close')
    const [stdout, stderr] = await Promise.all([
      text(this.#child.stdout as Readable),
      text(this.#child.stderr as Readable),
    ])
    const [exitCode] = await closed
    clearTimeout(timer)
    return {
      exitCode: exitCode ?? undefined,
      seconds: (performance.now() - startedAt) / 1000,
      stderr,
      json: parsed(stdout),
    }
  }
}

function parsed(document: string): unknown {
  try {
    return JSON.parse(document)
  } catch {
    return undefined
  }
}
