import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Errors, run as runCommand } from '@oclif/core'
import { exitCodes } from '../model/errors.ts'
import { collectOften } from '../platform/memory.ts'
import { reportOf } from './error-report.ts'

/** Runs one wherry command line and ends the process with its exit code. */
export async function run(args: string[], root: string): Promise<never> {
  collectOften()
  let unwritten: NodeJS.ErrnoException | undefined
  for (const stream of [process.stdout, process.stderr]) {
    // Whoever reads may go away, such as `head` or a terminal: that must not end what is being put back. oclif's own listener
    // throws at anything but a broken pipe.
    stream.removeAllListeners('error')
    stream.on('error', (error: NodeJS.ErrnoException) => {
      const gone = ['EPIPE', 'ECONNRESET', ...(process.stdout.isTTY ? ['EIO'] : [])]
      if (stream === process.stdout && !gone.includes(error.code ?? '')) unwritten ??= error
    })
  }
  try {
    await runCommand(args, fileURLToPath(root))
  } catch (error) {
    await failWithoutCommand(args, error as Error)
  }
  await flushed(process.stdout)
  if (unwritten) {
    process.stderr.write(`Error: What the command says could not be written: ${unwritten.message}\n`)
    process.exitCode ||= exitCodes.unexpected
  }
  // Kept-alive connections to engines must not hold up a script that waits for us.
  process.exit(process.exitCode ?? 0)
}

/** Waits until whoever reads has everything, which may be a person with a pager, or has gone. */
function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}

/** What no command caught, such as that there is none of that name: in one shape with what commands print. */
async function failWithoutCommand(args: readonly string[], error: Error): Promise<void> {
  if (error instanceof Errors.ExitError || !wantsJson(args)) return Errors.handle(error)
  const report = reportOf(error)
  process.stdout.write(`${JSON.stringify({ error: report }, null, 2)}\n`)
  process.exitCode = report.exitCode
}

function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? undefined : end).includes('--json')
}
