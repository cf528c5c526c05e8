import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, posix, relative } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { pack } from 'tar-stream'
import type { Engine } from '../engine/engine.ts'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'

const packageRoot = fileURLToPath(new URL('../..', import.meta.url))

interface ContextFile {
  name: string
  content: Buffer
}

let context: Promise<ContextFile[]> | undefined

/** The name of the agent's image: its tag is a digest of its content, so that engines never run an agent of another version. */
export async function agentImageReference(): Promise<string> {
  if (process.env.WHERRY_AGENT_IMAGE) return process.env.WHERRY_AGENT_IMAGE
  const hash = createHash('sha256')
  for (const { name, content } of await contextFiles())
    hash.update(`${name}\0${content.length}\0`).update(content)
  return `wherry-agent:${hash.digest('hex').slice(0, 12)}`
}

/**
 * Makes sure that an engine has the agent's image, by the cheapest way: there already, pulled (where WHERRY_AGENT_IMAGE
 * names one in a registry), copied from an engine that has it, or built from the Dockerfile in the package.
 * @returns the reference, and whether it had to be brought there.
 */
export async function ensureAgentImage(
  engine: Engine,
  others: readonly Engine[],
  report: Report,
): Promise<{ reference: string; brought: boolean }> {
  const reference = await agentImageReference()
  if (await engine.images.inspect(reference)) return { reference, brought: false }
  const attempts: [string, () => Promise<boolean>][] = [
    ['pull', () => pullPublished(engine, reference)],
    ...others.map((other): [string, () => Promise<boolean>] => [
      `copy from ${other.name}`,
      () => copyImage(other, engine, reference),
    ]),
    ['build', () => build(engine, reference)],
  ]
  const failures: string[] = []
  report({ type: 'phase', phase: 'agent-image', message: `putting wherry's agent image on ${engine.name}` })
  for (const [way, attempt] of attempts) {
    try {
      if (await attempt()) return { reference, brought: true }
    } catch (error) {
      failures.push(`${way}: ${messageOf(error)}`)
    }
  }
  throw new WherryError(
    'no-agent-image',
    exitCodes.refused,
    `wherry's agent image could not be brought to ${engine.name}.`,
    {
      suggestions: [
        ...failures,
        'On an engine without a registry: docker save it from an engine that has it, and docker load it there.',
      ],
      data: { engine: engine.name, reference, failures },
    },
  )
}

async function pullPublished(engine: Engine, reference: string): Promise<boolean> {
  if (!process.env.WHERRY_AGENT_IMAGE) return false
  await engine.images.pull(reference)
  return true
}

async function copyImage(from: Engine, to: Engine, reference: string): Promise<boolean> {
  const image = await from.images.inspect(reference)
  if (!image || from.info.Architecture !== to.info.Architecture) return false
  await to.images.load(await from.images.save(reference))
  return true
}

async function build(engine: Engine, reference: string): Promise<boolean> {
  await engine.images.build(await agentBuildContext(), reference)
  return true
}

/** The tar stream that the image is built from. */
export async function agentBuildContext(): Promise<Readable> {
  const tar = pack()
  for (const { name, content } of await contextFiles())
    tar.entry({ name, mode: 0o644, mtime: new Date(0) }, content)
  tar.finalize()
  return Readable.from(tar)
}

function contextFiles(): Promise<ContextFile[]> {
  context ??= collectContext()
  return context
}

/** The compiled agent as in this package; koffi wherever npm put it, with the Linux libraries that came with it. */
async function collectContext(): Promise<ContextFile[]> {
  const koffi = dirname(createRequire(import.meta.url).resolve('koffi'))
  const scope = join(koffi, '..', '@koromix')
  const libraries = (await readdir(scope).catch(() => [])).filter((name) => name.startsWith('koffi-linux-'))
  const { version } = JSON.parse(await readFile(join(koffi, 'package.json'), 'utf8'))
  const manifest = { type: 'module', dependencies: { koffi: version } }
  const files = await Promise.all([
    filesBelow(join(packageRoot, 'dist', 'agent'), 'dist/agent'),
    filesBelow(join(packageRoot, 'dist', 'model'), 'dist/model'),
    filesBelow(koffi, 'node_modules/koffi', /\.(js|cjs|json)$/),
    ...libraries.map((name) => filesBelow(join(scope, name), `node_modules/@koromix/${name}`)),
  ])
  if (files[0]?.length === 0) {
    throw new WherryError(
      'not-built',
      exitCodes.unexpected,
      'The compiled agent is missing from this installation.',
      {
        suggestions: ['In a checkout: npm run build. Elsewhere: install wherry again.'],
      },
    )
  }
  return [
    { name: 'Dockerfile', content: await readFile(join(packageRoot, 'images', 'agent', 'Dockerfile')) },
    { name: 'package.json', content: Buffer.from(JSON.stringify(manifest)) },
    ...files.flat(),
  ]
}

/** The files below a directory under new names, in an order that does not depend on the file system. */
async function filesBelow(directory: string, prefix: string, wanted = /./): Promise<ContextFile[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const files = paths
    .filter((path) => wanted.test(path))
    .map(async (path) => ({
      name: posix.join(prefix, relative(directory, path)),
      content: await readFile(path),
    }))
  return (await Promise.all(files)).sort((a, b) => (a.name < b.name ? -1 : 1))
}
