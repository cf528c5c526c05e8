import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { lockLab } from '../../src/lab/lock.ts'
import { stateDirectory } from '../../src/platform/directories.ts'
import { ensurePrograms, interruption, say } from './host.ts'
import { ensureImagesDisk } from './images.ts'
import { removeRemains, runInMachine } from './machine.ts'
import { ensureSystem } from './system.ts'

/*
 * Runs tests that need engines in a virtual machine with Debian's kernel and all rights: all of them, or the files named.
 * For what the kernel of this machine lacks. The machine is emulated, so everything takes many times as long.
 */

const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, run: { type: 'string' } },
  allowPositionals: true,
})
// Not `once`: execa would end this process when it is the only one left that listens.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort())

const quoted = positionals.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
/** Tests of one file may take long here; what they wait for is bounded by the tests themselves. */
const script = values.run ?? `exec node test/lab/run.ts --labs 1 --timeout 3600 ${quoted}`

async function main(): Promise<number> {
  const directory = join(stateDirectory(), 'vm')
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { system, images } = await prepared(directory)
  say('starting the virtual machine')
  return runInMachine(system, directory, { images, script, minutes: Number(values.minutes) })
}

async function prepared(directory: string) {
  await using _lock = await lockLab(join(directory, 'lock'), (event) =>
    say('message' in event ? event.message : event.phase),
  )
  await ensurePrograms()
  await removeRemains(directory)
  const system = await ensureSystem(directory)
  return { system, images: await ensureImagesDisk(system, directory) }
}

process.exitCode = await main().catch((error) => {
  say(interruption.signal.aborted ? 'interrupted' : error.message)
  return interruption.signal.aborted ? 130 : 1
})
