import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { AgentClient } from '../../../src/agent/client.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import type { Manifest } from '../../../src/model/manifest.ts'
import { isLeftStill, whileStill } from '../../../src/snapshot/standstill.ts'

/** Containers of one engine that only stop and start; one named in `fails` does not do that. */
function fake(fails: { stop?: string; start?: string } = {}, locked?: { held: boolean }) {
  const stopped = new Set<string>()
  const containers = {
    stop: async (id: string) => {
      if (id === fails.stop) throw new Error('it does not stop')
      stopped.add(id)
    },
    start: async (id: string) => {
      if (id === fails.start) throw new Error('it does not start')
      stopped.delete(id)
    },
    list: async () =>
      locked
        ? [
            {
              Id: 'lock',
              State: locked.held ? 'running' : 'exited',
              Created: 0,
              Labels: { 'wherry.migration': 'm-1', 'wherry.locks': 'a' },
            },
          ]
        : [],
    inspect: async (id: string) => ({
      Id: id,
      Name: `/${id}`,
      State: { Running: !stopped.has(id), StartedAt: '2026' },
    }),
  }
  const manifests = ['a', 'b', 'c'].map((id) => ({
    id,
    name: id,
    config: {},
    hostConfig: {},
    state: { running: true, paused: false },
  }))
  const request = {
    engine: { name: 'alpha', containers } as unknown as Engine,
    manifests: manifests as unknown as Manifest[],
    how: 'stop' as const,
    agent: {} as AgentClient,
    controlGroups: '',
    limitSeconds: 1,
    report: () => undefined,
  }
  return { stopped, request }
}

t.test('all stand still at once, and go on afterwards', async (t) => {
  const { stopped, request } = fake()
  const { result, kind } = await whileStill(request, async () => [...stopped])
  t.strictSame(result.sort(), ['a', 'b', 'c'])
  t.equal(kind, 'stop')
  t.equal(stopped.size, 0)
})

t.test('what a migration moves is left alone, for as long as that lives', async (t) => {
  const { stopped, request } = fake({}, { held: true })
  await t.rejects(
    whileStill(request, async () => t.fail('nothing is read')),
    { code: 'locked', exitCode: 6 },
  )
  t.equal(stopped.size, 0)
  const { request: later } = fake({}, { held: false })
  await t.resolves(whileStill(later, async () => undefined))
})

t.test('they go on when what was to be done fails', async (t) => {
  const { stopped, request } = fake()
  await t.rejects(
    whileStill(request, () => Promise.reject(new Error('disk full'))),
    /disk full/,
  )
  t.equal(stopped.size, 0)
})

t.test('they go on when one of them does not stand still', async (t) => {
  const { stopped, request } = fake({ stop: 'b' })
  await t.rejects(
    whileStill(request, () => t.fail('nothing is done') as never),
    /it does not stop/,
  )
  t.equal(stopped.size, 0)
})

t.test('one that cannot be let go on is told of before anything else', async (t) => {
  const { stopped, request } = fake({ start: 'c' })
  const error = await whileStill(request, () => Promise.reject(new Error('disk full'))).catch((one) => one)
  t.ok(isLeftStill(error))
  t.match(error, { exitCode: 5, message: /a b c .*alpha: it does not start/ })
  t.match(error.suggestions, [/docker --context alpha start a b c/])
  t.strictSame([...stopped], ['c'])
})

t.test('a container that would be removed is not stopped', async (t) => {
  const { stopped, request } = fake()
  const [first] = request.manifests
  if (first) first.hostConfig = { AutoRemove: true }
  const nothing = () => t.fail('nothing is done') as never
  await t.rejects(whileStill(request, nothing), { code: 'stop-removes', exitCode: 3 })
  t.equal(stopped.size, 0)
})

t.test('one that somebody starts meanwhile is noticed, and all go on', async (t) => {
  const { stopped, request } = fake()
  const doing = whileStill(request, async () => stopped.delete('b'))
  await t.rejects(doing, { code: 'started-meanwhile', message: /^b was started/ })
  t.equal(stopped.size, 0)
})

t.test('what takes too long is broken off, also where they were stopped', async (t) => {
  const { stopped, request } = fake()
  const asked: string[] = []
  let end: (error: Error) => void = () => undefined
  const agent = {
    request: async (name: string) => {
      asked.push(name)
      end(new Error('aborted'))
    },
  } as unknown as AgentClient
  const slow = () => new Promise((_, reject) => (end = reject))
  await t.rejects(whileStill({ ...request, agent, limitSeconds: 0.05 }, slow), {
    code: 'pause-too-long',
    exitCode: 4,
  })
  t.strictSame(asked, ['abort'])
  t.equal(stopped.size, 0)

  const deaf = async () => sleep(100)
  const late = whileStill({ ...request, agent, limitSeconds: 0.05 }, deaf)
  await t.rejects(late, { code: 'pause-too-long' }, 'also where it cannot be')
})
