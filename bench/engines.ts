import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureLabImage } from '../src/lab/images.ts'
import { prepareOwnImages } from '../src/lab/own-images.ts'
import { type LabEngine, labEngine } from '../src/lab/record.ts'
import { labUp } from '../src/lab/up.ts'
import type { Report } from '../src/model/progress.ts'
import { type ProcessResult, run } from '../src/platform/process.ts'

/** Everything the benchmark makes on an engine is named so. */
export const prefix = 'bench-'
/** What its containers run. */
export const image = 'wherry-test-workload:latest'

export type EngineName = 'alpha' | 'beta'

/** Both engines: everything moves from alpha to beta. */
export type Engines = Record<EngineName, LabEngine>

/** Brings the lab up where it is not, with all images that a run needs. */
export async function openEngines(report: Report): Promise<Engines> {
  await labUp({ prepare: prepareOwnImages }, report)
  const directory = fileURLToPath(new URL('../test/lab/images/workload', import.meta.url))
  await ensureLabImage({ tag: image, directory, engines: ['alpha', 'beta'] }, report)
  const [alpha, beta] = await Promise.all([labEngine('alpha'), labEngine('beta')])
  return { alpha, beta }
}

/** Runs the Docker CLI as a user would; throws with its words when it fails. */
export async function docker(engine: EngineName, ...args: string[]): Promise<string> {
  const result = await run('docker', ['--context', `wherry-${engine}`, ...args])
  return succeeded(`docker ${args.slice(0, 3).join(' ')}`, result).stdout.trim()
}

/** Runs a program on an engine's host, which is a container of the lab's outer engine. */
export async function onHost({ outer, container }: LabEngine, ...words: string[]): Promise<string> {
  const result = await run('docker', ['--host', outer, 'exec', container, ...words])
  return succeeded(`${words.slice(0, 3).join(' ')} on ${container}`, result).stdout.trim()
}

/** Runs a bash pipeline, of which every part must succeed; gives what it wrote to stderr. */
export async function pipeline(script: string, ...words: string[]): Promise<string> {
  const result = await run('bash', ['-o', 'pipefail', '-c', script, 'bash', ...words])
  return succeeded('the pipeline', result).stderr
}

/** @throws Error with what a failed child process said. */
export function succeeded(what: string, result: ProcessResult): ProcessResult {
  if (!result.failure) return result
  throw new Error(`${what} failed: ${result.stderr.trim().slice(-2000) || result.failure}`)
}

/** Where a volume's files are on this machine. */
export const volumeDirectory = (engine: LabEngine, volume: string) =>
  join(engine.dataRoot, 'volumes', volume, '_data')

/** Why the data roots cannot be reached from this machine, undefined where they can. */
export async function whyNoDataRoots({ alpha, beta }: Engines): Promise<string | undefined> {
  for (const { name, dataRoot } of [alpha, beta]) {
    const readable = await access(join(dataRoot, 'volumes'), constants.R_OK | constants.W_OK).then(
      () => true,
      () => false,
    )
    if (!readable) return `the data root of ${name} cannot be reached from here: run this as root on Linux`
  }
  return undefined
}

/** Removes the named containers and volumes where they are there, with whatever runs in them. */
export async function remove(engine: EngineName, containers: string[], volumes: string[]): Promise<void> {
  if (containers.length > 0) await docker(engine, 'rm', '--force', ...containers)
  if (volumes.length > 0) await docker(engine, 'volume', 'rm', '--force', ...volumes)
}

/** Removes everything of the benchmark from both engines. */
export async function clearEngines(): Promise<void> {
  for (const engine of ['alpha', 'beta'] as const) {
    const filter = ['--filter', `name=^/?(wherry-forward-)?${prefix}`]
    const containers = await docker(engine, 'ps', '--all', '--format', '{{.Names}}', ...filter)
    const volumes = await docker(engine, 'volume', 'ls', '--format', '{{.Name}}')
    const ours = new RegExp(`^(wherry-forward-)?${prefix}`)
    const pick = (names: string) => names.split('\n').filter((name) => ours.test(name))
    await remove(engine, pick(containers), pick(volumes))
  }
}
