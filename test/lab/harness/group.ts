import { readFile } from 'node:fs/promises'
import { image } from './configurations.ts'
import { docker, type EngineName, type Lab } from './engines.ts'

const script = await readFile(new URL('./sequence.py', import.meta.url), 'utf8')

/** A group whose members write the same numbers, each after the one before it, and refer to each other. */
export const group = ['t-web', 't-db', 't-queue'] as const

const places = { 't-web': '/data', 't-db': '/ledger', 't-queue': '/inbox' }
type Member = keyof typeof places

/** Runs the group on alpha in one network. `entangled`: they refer to each other by more than that. */
export async function runGroup(entangled: boolean): Promise<void> {
  await docker('alpha', 'network', 'create', '--subnet', '10.31.40.0/24', 't-shop')
  await member('t-queue', ['--network-alias', 'queue'], ['serve', '/inbox'])
  await member('t-db', ['--network-alias', 'db'], ['serve', '/ledger'])
  const more = ['--volumes-from', 't-queue:ro', '--link', 't-db:ledger', '--ip', '10.31.40.40']
  await member('t-web', entangled ? more : [], ['write', '/data', entangled ? 'ledger' : 'db', 'queue'])
}

async function member(name: Member, options: readonly string[], words: readonly string[]): Promise<void> {
  const place = places[name]
  const run = ['run', '-d', '--name', name, '--init', '--network', 't-shop', '-v', `${name}:${place}`]
  const start = ['sh', '-c', `touch ${place}/log; exec python3 -c "$0" "$@"`, script, ...words]
  await docker('alpha', ...run, ...options, image, ...start)
}

/** How far the logs of a group's volumes are, and whether that can have been at one instant. */
export interface Standing {
  counts: number[]
  whole: boolean
}

/** Looks at three volumes of an engine from outside. Throws where a log is not 1, 2, 3 … */
export async function standing(engine: EngineName, volumes: readonly string[]): Promise<Standing> {
  const mounts = volumes.flatMap((volume, index) => ['-v', `${volume}:/${index}:ro`])
  const check = ['python3', '-c', script, 'check', ...volumes.map((_, index) => `/${index}`)]
  return JSON.parse(await docker(engine, 'run', '--rm', ...mounts, image, ...check))
}

/** The volumes in which copies of the group's members on beta have their logs, in order. */
export async function logsOf(lab: Lab, copies: readonly string[]): Promise<string[]> {
  return Promise.all(
    group.map(async (name, index) => {
      const mounts = (await lab.beta.containers.inspect(copies[index] ?? ''))?.Mounts ?? []
      return mounts.find(({ Destination }) => Destination === places[name])?.Name ?? ''
    }),
  )
}
