import { fileURLToPath } from 'node:url'
import { run } from '../../../src/platform/process.ts'

/** The program, as npm installs it. */
export const program = fileURLToPath(new URL('../../../bin/run.js', import.meta.url))

/** How a wherry command ended. `json` is stdout parsed, undefined where it is no JSON. */
export interface Ended {
  exitCode: number | undefined
  stdout: string
  stderr: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into documents of every command
  json: any
}

/** Runs the built wherry as a user's script does. */
export async function wherry(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const { exitCode, stdout, stderr } = await run(process.execPath, [program, ...args], {
    env,
    timeoutMs: 600_000,
  })
  return { exitCode, stdout, stderr, json: parsed(stdout) }
}

/** Runs wherry and throws with all that it said where it fails. */
export async function succeed(...args: string[]): Promise<Ended['json']> {
  const ended = await wherry([...args, '--json'])
  if (ended.exitCode === 0) return ended.json
  throw new Error(`wherry ${args.join(' ')} ended with ${ended.exitCode}: ${ended.stdout}\n${ended.stderr}`)
}

/** Moves containers from alpha to beta with --json; throws with everything that was said when it fails. */
export async function migrate(names: readonly string[], ...flags: string[]): Promise<Ended['json']> {
  const ended = await wherry([
    'migrate',
    ...names,
    '--from',
    'wherry-alpha',
    '--to',
    'wherry-beta',
    '--json',
    ...flags,
  ])
  if (ended.exitCode !== 0)
    throw new Error(`wherry ended with ${ended.exitCode}: ${ended.stdout}\n${ended.stderr}`)
  return ended.json
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
