import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pack } from 'tar-stream'
import type { Engine } from '../engine/engine.ts'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { agentFiles, type ContextFile, packageRoot } from './build-context.ts'

/** One of wherry's own images. */
interface OwnImage {
  name: string
  /** The directory of its Dockerfile in images/. */
  directory: string
  /** Names one in a registry, in place of the one that is made from this package. */
  variable: string
}

/** Reads and writes trees, forwards, and stands in for containers that are elsewhere. */
const agentImage: OwnImage = { name: 'agent', directory: 'agent', variable: 'WHERRY_AGENT_IMAGE' }
/** The agent with the programs that join networks of several hosts. */
const networkImage: OwnImage = { name: 'network', directory: 'network', variable: 'WHERRY_NETWORK_IMAGE' }

/** The name of the agent's image: its tag is a digest of its content, so that engines never run an agent of another version. */
export function agentImageReference(): Promise<string> {
  return referenceOf(agentImage)
}

/**
 * Makes sure that an engine has the agent's image, by the cheapest way: there already, pulled (where WHERRY_AGENT_IMAGE
 * names one in a registry), copied from an engine that has it, or built from the Dockerfile in the package.
 * @returns the reference, and whether it had to be brought there.
 */
export function ensureAgentImage(
  engine: Engine,
  others: readonly Engine[],
  report: Report,
): Promise<BroughtImage> {
  return ensureImage(agentImage, engine, others, report)
}

/** The same for the image that joins networks; to build it an engine has to reach Debian's package mirror. */
export function ensureNetworkImage(
  engine: Engine,
  others: readonly Engine[],
  report: Report,
): Promise<BroughtImage> {
  return ensureImage(networkImage, engine, others, report)
}

/** An image that is on an engine now. */
export interface BroughtImage {
  reference: string
  /** It had not been there. */
  brought: boolean
}

async function referenceOf(image: OwnImage): Promise<string> {
  const published = process.env[image.variable]
  if (published) return published
  const hash = createHash('sha256')
  for (const { name, content } of await contextFiles(image))
    hash.update(`${name}\0${content.length}\0`).update(content)
  return `wherry-${image.name}:${hash.digest('hex').slice(0, 12)}`
}

async function ensureImage(
  image: OwnImage,
  engine: Engine,
  others: readonly Engine[],
  report: Report,
): Promise<BroughtImage> {
  const reference = await referenceOf(image)
  if (await engine.images.inspect(reference)) return { reference, brought: false }
  const attempts: [string, () => Promise<boolean>][] = [
    ['pull', () => pullPublished(image, engine, reference)],
    ...others.map((other): [string, () => Promise<boolean>] => [
      `copy from ${other.name}`,
      () => copyImage(other, engine, reference),
    ]),
    ['build', () => build(image, engine, reference)],
    // Where containers have no network of their own, the Dockerfile may still come by its packages.
    ['build on the host’s network', () => build(image, engine, reference, 'host')],
  ]
  const failures: string[] = []
  const message = `putting wherry's ${image.name} image on ${engine.name}`
  report({ type: 'phase', phase: `${image.name}-image`, message })
  for (const [way, attempt] of attempts) {
    try {
      if (await attempt()) return { reference, brought: true }
    } catch (error) {
      failures.push(`${way}: ${messageOf(error)}`)
    }
  }
  throw new WherryError(
    `no-${image.name}-image`,
    exitCodes.refused,
    `wherry's ${image.name} image could not be brought to ${engine.name}.`,
    {
      suggestions: [
        ...failures,
        'On an engine without a registry: docker save it from an engine that has it, and docker load it there.',
      ],
      data: { engine: engine.name, reference, failures },
    },
  )
}

async function pullPublished({ variable }: OwnImage, engine: Engine, reference: string): Promise<boolean> {
  if (!process.env[variable]) return false
  await engine.images.pull(reference)
  return true
}

async function copyImage(from: Engine, to: Engine, reference: string): Promise<boolean> {
  const image = await from.images.inspect(reference)
  if (!image || from.info.Architecture !== to.info.Architecture) return false
  await to.images.load(await from.images.save(reference))
  return true
}

async function build(image: OwnImage, engine: Engine, reference: string, network?: string): Promise<boolean> {
  const tar = pack()
  for (const { name, content } of await contextFiles(image))
    tar.entry({ name, mode: 0o644, mtime: new Date(0) }, content)
  tar.finalize()
  await engine.images.build(Readable.from(tar), reference, { ...(network ? { network } : {}) })
  return true
}

async function contextFiles({ directory }: OwnImage): Promise<ContextFile[]> {
  const content = await readFile(join(packageRoot, 'images', directory, 'Dockerfile'))
  return [{ name: 'Dockerfile', content }, ...(await agentFiles())]
}
