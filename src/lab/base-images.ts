import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { RefusedError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { run } from '../platform/process.ts'
import { bootstrapDebian } from './debootstrap.ts'
import { noteMade } from './made-images.ts'
import type { OuterEngine } from './outer-engine.ts'
import { imageDirectory, type LabPlaces } from './places.ts'

/** A registry that cannot be reached must not hold the lab up for long. */
const pullTimeoutMs = 120_000
const reachTimeoutMs = 20_000

/** The base images that the lab knows how to come by without a registry. */
export const nodeImage = 'node:24-trixie-slim'
export type DebianSuite = 'trixie' | 'sid'
export const debianImage = (suite: DebianSuite) => `debian:${suite}-slim`

/** The id of an image on the outer engine, undefined where it is not there. */
export async function imageId(outer: OuterEngine, tag: string): Promise<string | undefined> {
  const found = await outer.try(['image', 'inspect', '--format', '{{.Id}}', tag], { timeoutMs: 20_000 })
  return found.failure ? undefined : found.stdout.trim()
}

/** Makes sure that Debian's image is there: present, else pulled, else made from the machine's own mirror. */
export async function ensureDebianImage(
  outer: OuterEngine,
  places: LabPlaces,
  suite: DebianSuite,
  report: Report,
): Promise<void> {
  const tag = debianImage(suite)
  if ((await imageId(outer, tag)) || (await pull(outer, tag, report))) return
  report({
    type: 'phase',
    phase: 'base-image',
    message: `making ${tag} from the machine’s own Debian mirror (no registry)`,
  })
  await noteMade(places, [tag])
  await bootstrapDebian(outer, places.root, suite, tag, report)
}

/** Makes sure that Node's image is there: present, else pulled, else put together from Debian and the Node that runs this. */
export async function ensureNodeImage(outer: OuterEngine, places: LabPlaces, report: Report): Promise<void> {
  if ((await imageId(outer, nodeImage)) || (await pull(outer, nodeImage, report))) return
  if (process.platform !== 'linux') {
    throw new RefusedError(
      'lab-needs-registry',
      `cannot pull ${nodeImage}, and cannot make it on this system`,
      {
        suggestions: [`Run \`docker pull ${nodeImage}\` where a registry can be reached`],
      },
    )
  }
  await ensureDebianImage(outer, places, 'trixie', report)
  report({ type: 'phase', phase: 'base-image', message: `making ${nodeImage} from Debian and this Node` })
  const context = await mkdtemp(join(places.root, 'node-image-'))
  try {
    await copyFile(join(imageDirectory('node'), 'Dockerfile'), join(context, 'Dockerfile'))
    await copyFile(process.execPath, join(context, 'node'))
    await buildImage(outer, places, { tag: nodeImage, directory: context })
  } finally {
    await rm(context, { recursive: true, force: true })
  }
}

/** What `docker build` is told. */
export interface ImageBuild {
  tag: string
  /** The directory that holds the Dockerfile. */
  directory: string
  buildArgs?: Readonly<Record<string, string>>
  file?: string
}

/** Builds an image on the outer engine, in place of an older one of that tag. */
export async function buildImage(outer: OuterEngine, places: LabPlaces, build: ImageBuild): Promise<void> {
  await noteMade(places, [build.tag])
  const older = await imageId(outer, build.tag)
  const args = Object.entries(build.buildArgs ?? {}).flatMap(([key, value]) => [
    '--build-arg',
    `${key}=${value}`,
  ])
  // An engine without the default bridge, as a lab's own one is: its builds use the host's network.
  const { failure: hasNoBridge } = await outer.try(['network', 'inspect', 'bridge'], { timeoutMs: 20_000 })
  await outer.docker(
    [
      'build',
      ...(hasNoBridge ? ['--network', 'host'] : []),
      ...(build.file ? ['--file', build.file] : []),
      ...args,
      '--tag',
      build.tag,
      build.directory,
    ],
    { timeoutMs: 900_000 },
  )
  // Refused where a container still runs from it; then it stays until that is gone.
  if (older && older !== (await imageId(outer, build.tag))) await outer.try(['rmi', older])
}

async function pull(outer: OuterEngine, tag: string, report: Report): Promise<boolean> {
  report({ type: 'phase', phase: 'base-image', message: `pulling ${tag}` })
  // Whether a registry answers at all is known soon; only then is it worth waiting for layers.
  const reached = await run('docker', ['--host', outer.host, 'manifest', 'inspect', tag], {
    timeoutMs: reachTimeoutMs,
    env: { DOCKER_CLI_EXPERIMENTAL: 'enabled' },
  })
  const timeoutMs = reached.failure ? reachTimeoutMs : pullTimeoutMs
  return !(await outer.try(['pull', tag], { timeoutMs })).failure
}
