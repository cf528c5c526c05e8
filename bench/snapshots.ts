import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../src/platform/process.ts'
import { type DataSet, generate, nameOf } from './data-sets.ts'
import { forgetDeleted } from './deleted-files.ts'
import { docker, type Engines, image, remove, succeeded, volumeDirectory } from './engines.ts'
import { install, type Keeper, type KeepJob, keepers, restored, sizeOf } from './keepers.ts'
import { timed } from './methods/method.ts'

/** What one program took for one data set, in seconds, and what its repository weighs, in bytes. */
export interface Kept {
  set: string
  program: string
  first: number
  unchanged: number
  changed: number
  restore: number
  sizeAfterFirst: number
  sizeAfterAll: number
}

/** Rewrites one byte of a page in a hundred of every large file, and one small file in a hundred, in place. */
const change = `
import os, random, sys
random.seed(1)
for directory, _, files in sorted(os.walk(sys.argv[1])):
    for name in sorted(files):
        path = os.path.join(directory, name)
        size = os.path.getsize(path)
        pages = size // 8192 if size > 1 << 20 else (1 if random.random() < 0.01 else 0)
        with open(path, 'r+b') as file:
            for _ in range(max(pages // 100, 1) if size > 1 << 20 else pages):
                file.seek(random.randrange(max(size - 64, 1)))
                file.write(random.randbytes(64))
`

/** wherry reads once more what changed less than two seconds before: that is not what is measured here. */
const changeAgeMs = 3000

/** Keeps each data set with every program: all of it, unchanged, with one part in a hundred changed; and restores it. */
export async function measureSnapshots(
  engines: Engines,
  sets: readonly DataSet[],
  scratch: string,
  say: (line: string) => void,
): Promise<Kept[]> {
  await install()
  const rows: Kept[] = []
  for (const set of sets) {
    say(`${set.name}: making ${set.description}`)
    await generate(set)
    await docker(
      'alpha',
      'run',
      '--detach',
      '--name',
      nameOf(set),
      '--volume',
      `${nameOf(set)}:/data`,
      image,
      'sleep',
      'infinity',
    )
    try {
      rows.push(...(await measureSet(engines, set, scratch, say)))
    } finally {
      await remove('alpha', [nameOf(set)], [nameOf(set)])
      await remove('beta', [], [restored])
    }
  }
  return rows
}

async function measureSet(
  engines: Engines,
  set: DataSet,
  scratch: string,
  say: (line: string) => void,
): Promise<Kept[]> {
  const from = volumeDirectory(engines.alpha, nameOf(set))
  const rows: { keeper: Keeper; repository: string; row: Kept }[] = []
  for (const keeper of keepers) {
    say(`${set.name}: ${keeper.name}`)
    const repository = await mkdtemp(join(scratch, 'repository-'))
    await keeper.prepare(repository)
    const job = { set, from, to: '', engines }
    const first = await secondsToKeep(keeper, repository, job)
    const sizeAfterFirst = await sizeOf(repository)
    const unchanged = await secondsToKeep(keeper, repository, job)
    const row = {
      set: set.name,
      program: keeper.name,
      first,
      unchanged,
      sizeAfterFirst,
      changed: 0,
      restore: 0,
      sizeAfterAll: 0,
    }
    rows.push({ keeper, repository, row })
  }
  succeeded('change', await run('python3', ['-c', change, from]))
  await sleep(changeAgeMs)
  for (const { keeper, repository, row } of rows) {
    say(`${set.name}: ${keeper.name}, changed`)
    const to = await mkdtemp(join(scratch, 'restored-'))
    const job = { set, from, to, engines }
    row.changed = await secondsToKeep(keeper, repository, job)
    row.sizeAfterAll = await sizeOf(repository)
    await settle(set, repository)
    const { seconds, value } = await timed(() => keeper.restore(repository, job))
    row.restore = seconds
    await assertEqual(from, value)
    await remove('beta', [], [restored])
    await rm(to, { recursive: true, force: true })
    await rm(repository, { recursive: true, force: true })
  }
  return rows.map(({ row }) => row)
}

async function secondsToKeep(keeper: Keeper, repository: string, job: KeepJob): Promise<number> {
  await settle(job.set, repository)
  return (await timed(() => keeper.keep(repository, job))).seconds
}

/** Nothing of what was done before counts for what follows: it is on disk or forgotten, and what is read is in memory. */
async function settle(set: DataSet, repository: string): Promise<void> {
  await run('sync', [])
  await forgetDeleted(set)
  const words = ['-c', 'find "$1" -type f -exec cat {} + > /dev/null', 'sh', repository]
  succeeded('reading the repository', await run('sh', words))
}

async function assertEqual(a: string, b: string): Promise<void> {
  succeeded('comparison of what was restored', await run('diff', ['-rq', '--no-dereference', a, b]))
}

/** The rows as a Markdown table. Pure. */
export function snapshotTable(rows: readonly Kept[]): string {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0)
  return [
    '| set | program | first s | unchanged s | 1 % changed s | restore s | MB after the first | MB after all |',
    '|---|---|---:|---:|---:|---:|---:|---:|',
    ...rows.map(
      ({ set, program, first, unchanged, changed, restore, sizeAfterFirst, sizeAfterAll }) =>
        `| ${set} | ${program} | ${first.toFixed(2)} | ${unchanged.toFixed(2)} | ${changed.toFixed(2)} | ${restore.toFixed(2)} | ${megabytes(sizeAfterFirst)} | ${megabytes(sizeAfterAll)} |`,
    ),
  ].join('\n')
}
