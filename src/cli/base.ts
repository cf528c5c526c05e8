import { createInterface } from 'node:readline/promises'
import { Command, Flags } from '@oclif/core'
import { Chalk, type ChalkInstance } from 'chalk'
import { readJournal } from '../migrate/journal.ts'
import { summaryOf } from '../migrate/recovery/summary.ts'
import { exitCodes, WherryError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { type ErrorReport, reportOf } from './error-report.ts'
import { type Interruption, leftUnfinished, leftWithoutJournal } from './interruption.ts'
import { type Presenter, presenterFor } from './progress/presenter.ts'

/**
 * What every wherry command does the same way: the result to stdout, progress to stderr, exactly one JSON document
 * with `--json`, errors in one shape with a documented exit code.
 */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true
  static override baseFlags = {
    progress: Flags.option({
      options: ['auto', 'plain', 'json', 'none'] as const,
      default: 'auto' as const,
      summary: 'How to show progress on stderr.',
      description: 'auto: live on a terminal, plain lines elsewhere. json: one event a line.',
      helpGroup: 'GLOBAL',
    })(),
    'no-color': Flags.boolean({ summary: 'No colours. NO_COLOR does the same.', helpGroup: 'GLOBAL' }),
  }

  #presenter: Presenter | undefined
  readonly #interrupt = new AbortController()

  /** Aborted on the first Ctrl-C, SIGTERM or SIGHUP: long work watches it and rolls back. */
  protected readonly interrupted: AbortSignal = this.#interrupt.signal

  /** Colours for stdout, off where they do not belong. */
  protected get colours(): ChalkInstance {
    const plain = this.argv.includes('--no-color') || Boolean(process.env.NO_COLOR) || !process.stdout.isTTY
    return new Chalk(plain ? { level: 0 } : {})
  }

  /** Where work code reports to. The presenter is chosen by --progress the first time. */
  protected get report(): Report {
    this.#presenter ??= presenterFor(this.#progressMode(), process.stderr, this.argv.includes('--no-color'))
    return this.#presenter.report
  }

  /** Takes live progress off the screen, before a result or a question is printed. */
  protected endProgress(failed = false): void {
    this.#presenter?.end(failed)
    this.#presenter = undefined
  }

  /**
   * Lets the work in `action` end cleanly on a signal instead of dying in the middle of a step, and says what follows. A
   * second signal leaves a migration as it is, where `migration` tells its id, for `wherry migration resume` (exit 5).
   */
  protected async interruptible<T>(
    action: () => Promise<T>,
    {
      migration = () => undefined,
      left = () => undefined,
      whatFollows = () => 'stopping and putting everything back. Once more leaves it as it is.',
    }: Interruption = {},
  ): Promise<T> {
    const interrupt = (signal: NodeJS.Signals) => {
      if (this.#interrupt.signal.aborted) return void this.#leave(signal, migration(), left())
      const message = `${signal}: ${whatFollows()}`
      this.report({ type: 'warning', code: 'interrupted', message })
      this.#interrupt.abort(signal)
    }
    const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, interrupt)
    try {
      return await action()
    } finally {
      for (const signal of signals) process.off(signal, interrupt)
    }
  }

  /** Ends the process at once. The journal and the lock say what was going on. */
  async #leave(signal: NodeJS.Signals, migration: string | undefined, left?: WherryError): Promise<never> {
    const content = migration ? await readJournal(migration) : undefined
    const error = content
      ? leftUnfinished(signal, summaryOf(content))
      : migration
        ? leftWithoutJournal(signal, migration)
        : (left ??
          new WherryError('interrupted', exitCodes.interrupted, 'Interrupted; nothing had been changed.'))
    await this.catch(error)
    process.exit(error.exitCode)
  }

  /**
   * Asks before something that cannot be taken back. `yes` answers for the user.
   * @throws WherryError `not-confirmed` (exit 3) on any other answer, and where there is no terminal to ask on.
   */
  protected async confirm(question: string, yes: boolean): Promise<void> {
    if (yes) return
    const canAsk = process.stdin.isTTY && process.stderr.isTTY && !this.jsonEnabled()
    if (canAsk) {
      this.endProgress()
      const terminal = createInterface({ input: process.stdin, output: process.stderr })
      // Ctrl-C and Ctrl-D close it, and would leave the question waiting for ever.
      const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')))
      const answer = terminal.question(`${question} [y/N] `, { signal: this.interrupted }).catch(() => '')
      const said = await Promise.race([answer, closed]).finally(() => terminal.close())
      if (/^y(es)?$/i.test(said.trim())) return
    }
    throw new WherryError('not-confirmed', exitCodes.refused, canAsk ? 'Nothing was changed.' : question, {
      suggestions: canAsk ? [] : ['To say yes: --yes'],
    })
  }

  override async catch(error: Error): Promise<void> {
    this.endProgress(true)
    const report = reportOf(error)
    process.exitCode = report.exitCode
    if (this.jsonEnabled()) this.logJson({ error: report })
    else this.#printError(report, error)
  }

  protected override async finally(): Promise<void> {
    this.endProgress()
  }

  #printError(report: ErrorReport, error: Error): void {
    const plain = this.argv.includes('--no-color') || Boolean(process.env.NO_COLOR) || !process.stderr.isTTY
    const colours = new Chalk(plain ? { level: 0 } : {})
    const lines = [`${colours.red.bold('Error:')} ${report.message}`]
    for (const suggestion of report.suggestions) lines.push(`  ${colours.cyan('→')} ${suggestion}`)
    if (report.code === 'unexpected' && process.env.WHERRY_DEBUG) lines.push(error.stack ?? '')
    process.stderr.write(`${lines.join('\n')}\n`)
  }

  #progressMode(): string {
    const index = this.argv.findIndex((word) => word === '--progress' || word.startsWith('--progress='))
    if (index < 0) return 'auto'
    return this.argv[index]?.split('=')[1] ?? this.argv[index + 1] ?? 'auto'
  }
}
