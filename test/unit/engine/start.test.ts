import { PassThrough } from 'node:stream'
import type Docker from 'dockerode'
import t from 'tap'
import type { EngineAddress } from '../../../src/engine/address.ts'
import { Containers } from '../../../src/engine/containers.ts'
import type { Engine, EngineCall } from '../../../src/engine/engine.ts'
import { engineFailure } from '../../../src/engine/failures.ts'
import type { Watch } from '../../../src/engine/patience.ts'
import { startAgent } from '../../../src/launch/agent.ts'

const call: EngineCall = async (what, request) => {
  try {
    return await request()
  } catch (error) {
    throw engineFailure({ name: 'beta' } as EngineAddress, what, error)
  }
}

/** Containers whose starts fail with these messages, one after the other, and then work. */
function failing(...messages: string[]) {
  const asked: string[] = []
  const start = async () => {
    asked.push('start')
    const message = messages.shift()
    if (message) throw Object.assign(new Error(), { statusCode: 500, json: { message } })
  }
  const docker = { getContainer: () => ({ start }) } as unknown as Docker
  return { containers: new Containers(docker, call, {} as Watch), asked }
}

const brokeOff =
  'runc create failed: waiting for init preliminary setup: read init-p: connection reset by peer'

t.test('a start that the runtime broke off is asked for once more, and only once', async (t) => {
  const once = failing(brokeOff)
  await once.containers.start('db')
  t.equal(once.asked.length, 2)
  const twice = failing(brokeOff, brokeOff)
  await t.rejects(twice.containers.start('db'), { code: 'engine-error' })
  t.equal(twice.asked.length, 2)
})

t.test('a start that fails otherwise is not asked for again', async (t) => {
  const { containers, asked } = failing('port is already allocated')
  await t.rejects(containers.start('db'), { message: /port is already allocated/ })
  t.equal(asked.length, 1)
})

t.test('a port that nobody has is held by the engine, which is said with what to do', async (t) => {
  const message = 'Bind for 0.0.0.0:5432 failed: port is already allocated'
  const start = async () => {
    throw Object.assign(new Error(), { statusCode: 500, json: { message } })
  }
  const startWith = (Ports: object[]) => {
    const docker = { getContainer: () => ({ start }), listContainers: async () => [{ Id: 'x', Ports }] }
    return new Containers(docker as unknown as Docker, call, {} as Watch).start('db')
  }
  await t.rejects(startWith([]), {
    code: 'engine-error',
    message: /allocated\. No container on beta .* Restart Docker on beta/,
  })
  await t.rejects(startWith([{ PublicPort: 5432 }]), { message: /allocated$/ })
})

/** An engine on which a container whose start fails is gone at once, as those with --rm are. `others` are on it already. */
function removing(messages: string[], others: object[] = []) {
  const created: string[] = []
  const there = new Set<string>()
  const removed: string[] = []
  const start = async (id: string) => {
    if (!there.has(id))
      throw Object.assign(new Error(), { statusCode: 404, json: { message: 'No such container' } })
    const message = messages.shift()
    if (!message) return
    there.delete(id)
    throw Object.assign(new Error(), { statusCode: 500, json: { message } })
  }
  const docker = {
    listContainers: async () => [{ Id: created.at(-1), State: 'created', Created: 1_000_000 }, ...others],
    createContainer: async () => {
      const id = `agent-${created.length}`
      created.push(id)
      there.add(id)
      return { id }
    },
    getContainer: (id: string) => ({
      start: () => start(id),
      attach: async () => new PassThrough(),
      remove: async () => {
        removed.push(id)
        there.delete(id)
      },
      inspect: async () => {
        if (!there.has(id))
          throw Object.assign(new Error(), { statusCode: 404, json: { message: 'No such' } })
        return {}
      },
    }),
  } as unknown as Docker
  const watch = { stream: (_: string, stream: unknown) => stream } as unknown as Watch
  const containers = new Containers(docker, call, watch)
  return { engine: { name: 'beta', containers } as unknown as Engine, created, removed }
}

const settings = { image: 'agent', name: 'wherry-x-source', labels: {}, mounts: [] }

t.test('an agent whose start the runtime broke off is made anew, once', async (t) => {
  const once = removing([brokeOff])
  t.equal((await startAgent(once.engine, settings)).containerId, 'agent-1')
  const twice = removing([brokeOff, brokeOff])
  await t.rejects(startAgent(twice.engine, settings), { message: /init preliminary setup/ })
  t.equal(twice.created.length, 2)
  const other = removing(['no space left on device'])
  await t.rejects(startAgent(other.engine, settings), { message: /no space left/ })
  t.equal(other.created.length, 1)
})

t.test('agents that nobody has started in ten minutes go when another is started', async (t) => {
  const other = (Id: string, State: string, ageSeconds: number) => ({
    Id,
    State,
    Created: 1_000_000 - ageSeconds,
  })
  const others = [
    other('left', 'created', 601),
    other('young', 'created', 599),
    other('runs', 'running', 9999),
  ]
  const { engine, removed } = removing([], others)
  await startAgent(engine, settings)
  t.strictSame(removed, ['left'])
})
