import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { stateDirectory } from '../../../src/platform/directories.ts'
import { RunningCommand } from '../../faults/command.ts'
import { image } from './configurations.ts'
import { docker, type Lab } from './engines.ts'
import { type Ended, wherry } from './wherry.ts'

/** From the engine where tests begin to the other. */
export const fromTo = ['--from', 'wherry-alpha', '--to', 'wherry-beta']
/** Goes on counting where the file ends, so that a lost or doubled line shows. */
export const counter =
  'trap "exit 0" TERM; i=$(cat /data/log 2>/dev/null | wc -l); while :; do i=$((i+1)); echo $i >> /data/log; sleep 0.05; done'

/** Runs a container on alpha that counts into a file on a volume of its name. */
export async function runCounter(name: string, ...flags: string[]): Promise<void> {
  const volume = ['-v', `${name}:/data`]
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    name,
    '--restart',
    'always',
    ...volume,
    ...flags,
    image,
    'sh',
    '-c',
    counter,
  )
  await sleep(500)
}

/** Ends wherry by SIGKILL right after a record of its journal, written as STEP/TYPE. Gives the migration's id. From alpha to beta, unless flags say otherwise. */
export async function killedAt(record: string, name: string, ...flags: string[]): Promise<string> {
  const engines = flags.includes('--to') ? [] : fromTo
  const command = new RunningCommand(['migrate', name, ...engines, ...flags], stateDirectory(), {
    record,
    stops: true,
  })
  if (!(await command.reached())) throw new Error(JSON.stringify(await command.ended))
  command.kill('SIGKILL')
  await command.ended
  const { json } = await wherry(['migration', 'list', '--json'])
  return json.migrations.findLast(({ containers }: { containers: string[] }) => containers.includes(name)).id
}

/** The lines of the log are 1, 2, 3 … on the engine where the container runs, and go on. Gives their number. */
export async function assertCounts(t: Test, engine: 'alpha' | 'beta', name: string): Promise<number> {
  const lines = async () => (await docker(engine, 'exec', name, 'cat', '/data/log')).split('\n')
  const first = await lines()
  t.ok(
    first.every((line, index) => line === String(index + 1)),
    'every record is there, in order',
  )
  await sleep(300)
  t.ok((await lines()).length > first.length, 'and it goes on')
  return first.length
}

const other = { alpha: 'beta', beta: 'alpha' } as const

/** It runs on this engine and nowhere else, with its restart policy, and no helper is left. */
export async function assertOnlyOn(t: Test, lab: Lab, engine: 'alpha' | 'beta', name: string): Promise<void> {
  const here = await lab[engine].containers.inspect(name)
  const there = await lab[other[engine]].containers.inspect(name)
  t.equal(here?.State.Running, true, `${name} runs on ${engine}`)
  t.equal(here?.HostConfig.RestartPolicy?.Name, 'always')
  t.notOk(there?.State.Running, 'and nowhere else')
  for (const one of [lab.alpha, lab.beta]) {
    const helpers = (await one.containers.list()).filter(({ Names }) => Names[0]?.startsWith('/wherry-'))
    t.strictSame(helpers, [], `no helper and no lock is left on ${one.name}`)
  }
}

/** What a test expects of a failure. */
export function failed({ json, exitCode }: Ended): unknown {
  return { exitCode, code: json?.error?.code }
}
