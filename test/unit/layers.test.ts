import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const source = fileURLToPath(new URL('../../src', import.meta.url))

/** From the bottom up: a folder may use those in lines above its own, never those below or beside it. */
const layers = [
  ['model'],
  ['platform'],
  ['engine', 'agent'],
  ['launch', 'drivers'],
  ['network'],
  ['migrate', 'doctor'],
  ['snapshot'],
  ['lab'],
  ['cli'],
  ['commands'],
]

/** Packages that one folder alone may import. */
const keepers: Record<string, string> = {
  dockerode: 'engine',
  execa: 'platform',
  koffi: 'agent',
  '@oclif/core': 'cli',
}

interface Import {
  file: string
  from: string
  to: string
}

async function allImports(): Promise<Import[]> {
  const files = (await readdir(source, { recursive: true })).filter((file) => file.endsWith('.ts'))
  const lists = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(source, file), 'utf8')
      const found = text.matchAll(
        /^(?:(?:import|export) .*|\} )from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
      )
      return [...found].map(([, from, bare, late]): Import => {
        const name = from ?? bare ?? late ?? ''
        const to = name.startsWith('.')
          ? (relative(source, join(source, dirname(file), name)).split('/')[0] ?? '')
          : name
        return { file, from: file.split('/')[0] ?? '', to }
      })
    }),
  )
  return lists.flat()
}

const rank = (folder: string) => layers.findIndex((layer) => layer.includes(folder))

t.test('dependencies between folders point downwards', async (t) => {
  const imports = await allImports()
  t.ok(imports.length > 100, 'imports were found')
  for (const { file, from, to } of imports) {
    t.ok(rank(from) >= 0, `${file} is in a folder that has its place`)
    if (rank(to) < 0 || from === to) continue
    t.ok(rank(to) < rank(from), `${file} uses ${to}, which is below ${from}`)
  }
})

t.test('one folder alone knows each of these packages', async (t) => {
  for (const { file, from, to } of await allImports()) {
    const keeper = keepers[to]
    if (keeper === undefined || (to === '@oclif/core' && from === 'commands')) continue
    t.equal(from, keeper, `${file} imports ${to}`)
  }
})

t.test('the agent needs nothing but itself, the model and koffi', async (t) => {
  for (const { file, to } of (await allImports()).filter(({ from }) => from === 'agent')) {
    t.ok(['agent', 'model', 'koffi'].includes(to) || to.startsWith('node:'), `${file} imports ${to}`)
  }
})
