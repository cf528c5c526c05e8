import { execute, flush } from '@oclif/core'
import { collectOften } from '../platform/memory.ts'

/** Runs one wherry command line and ends the process with its exit code. */
export async function run(args: string[], root: string): Promise<never> {
  collectOften()
  await execute({ args, dir: root })
  await flush()
  // Kept-alive connections to engines must not hold up a script that waits for us.
  process.exit(process.exitCode ?? 0)
}
