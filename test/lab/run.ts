import { globSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { execa } from 'execa'
import { labStatus } from '../../src/lab/status.ts'
import { sideLab } from './harness/side-lab.ts'
import { program } from './harness/wherry.ts'

/*
 * Runs the tests that need engines: all of them, or the files named. They wait more than they work, so several labs (two,
 * unless told with --labs) go through them side by side. The further labs share the first one's outer engine, and go at the end.
 * A file may take --timeout seconds.
 */

const { values, positionals } = parseArgs({
  options: { labs: { type: 'string', default: '2' }, timeout: { type: 'string', default: '1200' } },
  allowPositionals: true,
})
const labs = Number(values.labs)
const root = fileURLToPath(new URL('../..', import.meta.url))
// The longest first, so that nothing is left to run alone at the end.
const files = positionals.length
  ? positionals
  : [
      ...globSync('test/faults/*.test.ts', { cwd: root }).sort(),
      ...globSync('test/lab/*.test.ts', { cwd: root }).sort(),
    ]

const wherry = (args: string[], env: Record<string, string> = {}) =>
  execa(process.execPath, [program, ...args], { stdio: 'inherit', env, reject: false })

async function main(): Promise<number> {
  const first = await wherry(['lab', 'up'])
  if (first.exitCode !== 0) return first.exitCode ?? 1
  const outer = (await labStatus()).outer?.host ?? ''
  const sides = Array.from({ length: labs - 1 }, (_, index) => ({
    ...sideLab(index + 1),
    DOCKER_HOST: outer,
  }))
  try {
    for (const env of sides) {
      const side = await wherry(['lab', 'up'], env)
      if (side.exitCode !== 0) return side.exitCode ?? 1
    }
    const preload = join(root, 'test/lab/harness/pick-lab.ts')
    // What is given here takes the place of what .taprc has.
    const nodeArgs = ['--disable-warning=ExperimentalWarning', `--import=${preload}`].map(
      (arg) => `--node-arg=${arg}`,
    )
    const args = ['run', `--jobs=${labs}`, `--timeout=${values.timeout}`, ...nodeArgs, ...files]
    const tests = await execa('tap', args, { stdio: 'inherit', cwd: root, reject: false })
    return tests.exitCode ?? 1
  } finally {
    for (const env of sides) await wherry(['lab', 'down', '--keep-images'], env)
  }
}

process.exit(await main())
