import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exitCodes, WherryError } from '../model/errors.ts'

/** Where this package is installed. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url))

/** A file of an image's build context. */
export interface ContextFile {
  name: string
  content: Buffer
}

let files: Promise<ContextFile[]> | undefined

/** What all of wherry's images are built from, apart from their Dockerfiles. @throws WherryError `not-built` in a checkout. */
export function agentFiles(): Promise<ContextFile[]> {
  files ??= collect()
  return files
}

/** The compiled agent as in this package; koffi wherever npm put it, with the Linux libraries that came with it. */
async function collect(): Promise<ContextFile[]> {
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
  return [{ name: 'package.json', content: Buffer.from(JSON.stringify(manifest)) }, ...files.flat()]
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
