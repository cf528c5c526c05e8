import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { debianImage, imageId } from '../../src/lab/base-images.ts'
import { engineImageTag, ensureEngineImage } from '../../src/lab/engine-image.ts'
import { connectOuter, type OuterEngine } from '../../src/lab/outer-engine.ts'
import { prepareOwnImages } from '../../src/lab/own-images.ts'
import { labPlaces } from '../../src/lab/places.ts'
import { labUp } from '../../src/lab/up.ts'
import { ensureWorkloadImage } from '../lab/harness/images.ts'
import { makeDisk } from './disks.ts'
import { host, say } from './host.ts'
import type { System } from './system.ts'

const workload = 'wherry-test-workload:latest'
const fill = fileURLToPath(new URL('guest/fill.sh', import.meta.url))
const prefix = 'images-'
const quiet = () => {}

/**
 * The disk with the data root of the machine's engine: the images that this machine's lab has, where a lab looks for them.
 * Building them there would take very long. It is made again where the system or an image is another one.
 */
export async function ensureImagesDisk(system: System, directory: string): Promise<string> {
  say('bringing this machine’s lab up, for its images')
  const outer = await outerEngine()
  await ensureWorkloadImage([])
  await ensureEngineImage(outer, labPlaces(), 'stable', quiet)
  const inner = [...(await prepareOwnImages(outer, quiet)), workload]
  const tags = [debianImage('trixie'), engineImageTag('stable'), ...inner]
  const ids = await Promise.all(tags.map((tag) => imageId(outer, tag)))
  const cli = await outer.docker(['version', '--format', '{{.Client.Version}}'])
  const key = createHash('sha256').update(`${system.key} ${ids} ${cli}`).digest('hex').slice(0, 12)
  const disk = join(directory, `${prefix}${key}`)
  const earlier = (await readdir(directory)).filter((entry) => entry.startsWith(prefix))
  if (earlier.includes(basename(disk))) return disk
  for (const entry of earlier) await rm(join(directory, entry), { recursive: true })
  const making = `${disk}.making`
  await mkdir(making)
  try {
    say('taking the images of this machine’s lab')
    await save(outer, await withParents(outer, tags), join(making, 'outer.tar'))
    await save(outer, inner, join(making, 'inner.tar'))
    await makeImagesDisk(system, making)
    await rename(join(making, 'disk'), disk)
  } finally {
    await rm(making, { recursive: true })
  }
  return disk
}

async function outerEngine(): Promise<OuterEngine> {
  const { outer: address } = await labUp({ prepare: prepareOwnImages }, quiet)
  const outer = address && (await connectOuter(address))
  if (!outer) throw new Error('this machine’s lab is not up')
  return outer
}

async function save(outer: OuterEngine, images: readonly string[], file: string): Promise<void> {
  await outer.docker(['save', '--output', file, ...images], { timeoutMs: 600_000 })
}

/** With the images that each was built from, step by step: then a build finds them in its cache. */
async function withParents(outer: OuterEngine, tags: readonly string[]): Promise<string[]> {
  const histories = await Promise.all(
    tags.map((tag) => outer.docker(['history', '--quiet', '--no-trunc', tag])),
  )
  const parents = histories.flatMap((history) => history.split('\n')).filter((id) => id !== '<missing>')
  return [...new Set([...tags, ...parents])]
}

async function makeImagesDisk(system: System, making: string): Promise<void> {
  say('putting them on a disk of the virtual machine')
  const data = join(making, 'data')
  await mkdir(data)
  const own = ['--mount', '--pid', '--net', '--fork', '--kill-child']
  await host('unshare', [...own, 'bash', fill, system.tree, data, making])
  // What was built with another version of the CLI is not found in the cache: the versions describe files differently.
  const { stdout: cli } = await host('sh', ['-c', 'realpath "$(command -v docker)"'])
  await copyFile(cli, join(data, 'docker-cli'))
  await makeDisk(data, join(making, 'disk'))
}
