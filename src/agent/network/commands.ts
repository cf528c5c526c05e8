import { spawn } from 'node:child_process'

/** Runs a program and gives what it printed. @throws Error with its own words when it fails. */
export async function run(program: string, args: readonly string[], input = ''): Promise<string> {
  const { ok, output, errors } = await tryRun(program, args, input)
  if (!ok) throw new Error(`${program} ${args.join(' ')}: ${errors.trim() || 'failed'}`)
  return output
}

/** Runs a program, whatever comes of it. */
export function tryRun(
  program: string,
  args: readonly string[],
  input = '',
): Promise<{ ok: boolean; output: string; errors: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
    })
    // A program that ends early leaves its input; its exit status tells.
    child.stdin.on('error', () => {})
    child.on('error', (error) => resolve({ ok: false, output, errors: error.message }))
    child.on('close', (code) => resolve({ ok: code === 0, output, errors }))
    child.stdin.end(input)
  })
}
