import type { Options } from 'execa'

/** How a child process ended. `exitCode` is undefined when it could not be started or died of a signal. */
export interface ProcessResult {
  exitCode: number | undefined
  stdout: string
  stderr: string
  /** A one-line account of a failure, absent on success. */
  failure?: string
}

/** What a caller may set for a child process. */
export interface ProcessOptions {
  cwd?: string
  /** Added to this process's own environment. */
  env?: Record<string, string>
  input?: string
  /** The child is killed after this many milliseconds. */
  timeoutMs?: number
  /** Called with every complete line of stdout and stderr as it comes. */
  onLine?: (line: string) => void
}

/** Runs a program to its end. Never throws: look at `failure`. */
export async function run(
  file: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  const settings: Options = {
    reject: false,
    all: true,
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  }
  // Most commands run no other program, and loading it takes as long as a third of them does.
  const { execa } = await import('execa')
  const child = execa(file, args, settings)
  if (options.onLine) {
    for await (const line of child.iterable({ from: 'all' })) options.onLine(String(line))
  }
  const result = await child
  return {
    exitCode: result.exitCode,
    stdout: String(result.stdout ?? ''),
    stderr: String(result.stderr ?? ''),
    ...(result.failed ? { failure: result.shortMessage } : {}),
  }
}
