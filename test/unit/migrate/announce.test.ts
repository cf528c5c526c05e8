import { PassThrough } from 'node:stream'
import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import { announce } from '../../../src/migrate/announce.ts'
import { newRun, type RunParts } from '../../../src/migrate/run.ts'
import type { ContainerPlan } from '../../../src/model/plan.ts'

const container = { name: 'db', wasRunning: true, announced: ['10.9.0.7'] } as unknown as ContainerPlan

/** An engine on which an announcer says this on stdout and stderr, and ends; `made` gets the names of those created. */
function engine(says: { out?: string; error?: string; startFails?: boolean }, made: string[] = []): Engine {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  return {
    name: 'b',
    containers: {
      inspect: async () => undefined,
      create: async (name: string) => {
        made.push(name)
        return name
      },
      attach: async () => ({ stdin, stdout, stderr }),
      start: async () => {
        if (says.startFails) throw new Error('no such namespace')
        stderr.end(says.error ?? '')
        stdout.end(says.out ?? '')
      },
    },
  } as unknown as Engine
}

async function warnings(of: Engine, what = container): Promise<string[]> {
  const told: string[] = []
  const report: RunParts['report'] = (event) => {
    if (event.type === 'warning') told.push(event.message)
  }
  const plan = { id: 'm', containers: [what] }
  await announce(newRun({ plan, report } as unknown as RunParts), of, what)
  return told
}

t.test('an announcement that was made is nothing to speak of', async (t) => {
  const made: string[] = []
  t.strictSame(await warnings(engine({ out: 'announced\n' }, made)), [])
  t.strictSame(made, ['wherry-m-announce-db'], 'it is made where it was not made ready')
})

t.test('one that fails is a warning in its own words, and no failure', async (t) => {
  const [told] = await warnings(engine({ error: 'No interface here has the address 10.9.0.7.' }))
  t.match(told, /neighbours of db could not be told that it is on b now.*No interface here has/)
  t.match((await warnings(engine({ startFails: true })))[0], /no such namespace/)
  t.match((await warnings(engine({})))[0], /ended without a word/)
})

t.test('who has no such address, or does not run, needs none', async (t) => {
  const made: string[] = []
  await warnings(engine({}, made), { ...container, announced: [] })
  await warnings(engine({}, made), { ...container, wasRunning: false })
  const { announced: _none, ...older } = container
  await warnings(engine({}, made), older as ContainerPlan)
  t.strictSame(made, [])
})
