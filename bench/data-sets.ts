import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { docker, type EngineName, image, prefix, remove } from './engines.ts'

/** What a container's volume holds, and what the container does with it. */
export interface DataSet {
  name: string
  description: string
  /** How many files it has at the least, so that a volume that was emptied meanwhile is noticed. */
  files: number
  /** Words for generate.py. */
  generate: string[]
  /** Words of the container's command. */
  command: string[]
}

const program = (name: string) => readFileSync(new URL(`data/${name}`, import.meta.url), 'utf8')

const pageBytes = 8192
/** So long takes the rewriting of one percent of the pages: about as long as the copying of them all. */
const secondsPerPercent = 10

/** Ends at once when told to, as a shell's own `sleep` as the first process would not. */
const idle = ['sh', '-c', 'trap "exit 0" TERM; sleep infinity & wait']

/** The data sets, each by the same factor smaller than its full size. */
export function dataSets(scale: number): DataSet[] {
  const count = (full: number) => Math.max(1, Math.round(full * scale))
  const pages = count((4 * 1024 ** 3) / pageBytes)
  const rate = pages / 100 / secondsPerPercent
  return [
    {
      name: 'files',
      description: `${count(20_000)} files of 10 to 90 KB`,
      files: count(20_000),
      generate: ['files', `${count(20_000)}`, '10000', '90000'],
      command: idle,
    },
    {
      name: 'database',
      description: `one file of ${pages} pages of 8 KiB, ${rate.toFixed(1)} of them rewritten a second`,
      files: 1,
      generate: ['pages', `${pages * pageBytes}`],
      command: ['python3', '-c', program('write-pages.py'), `${rate}`],
    },
    {
      name: 'small-files',
      description: `${count(200_000)} files of 1 to 4 KB`,
      files: count(200_000),
      generate: ['files', `${count(200_000)}`, '1000', '4000'],
      command: idle,
    },
  ]
}

export const setNames = dataSets(1).map(({ name }) => name)

/** The volume and the container of a set have one name, on both engines. */
export const nameOf = (set: DataSet) => `${prefix}${set.name}`

/** The words of `docker run` and `docker create` that make a set's container. */
export const containerWords = (set: DataSet) => {
  const name = nameOf(set)
  return ['--name', name, '--volume', `${name}:/data`, image, ...set.command]
}

/** Fills the set's volume on alpha. */
export async function generate(set: DataSet): Promise<void> {
  await remove('alpha', [nameOf(set)], [nameOf(set)])
  await inVolume('alpha', set, 'python3', '-c', program('generate.py'), ...set.generate)
}

/** Starts the set's container on alpha anew, and lets it get to work. */
export async function startSource(set: DataSet): Promise<void> {
  await remove('alpha', [nameOf(set)], [])
  await inVolume('alpha', set, 'rm', '--force', '/data/started')
  await docker('alpha', 'run', '--detach', ...containerWords(set))
  await sleep(1000)
}

/** What a volume holds, as one line: files, bytes, digest. */
export async function contentOf(engine: EngineName, set: DataSet): Promise<string> {
  return inVolume(engine, set, 'python3', '-c', program('digest.py'))
}

/** Runs a program with the set's volume at /data. */
export async function inVolume(engine: EngineName, set: DataSet, ...words: string[]): Promise<string> {
  const name = `${nameOf(set)}-tool`
  const volume = `${nameOf(set)}:/data`
  return docker(
    engine,
    'run',
    '--rm',
    '--network',
    'none',
    '--name',
    name,
    '--volume',
    volume,
    image,
    ...words,
  )
}
