import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import { migrationLabel } from '../../../src/model/plan.ts'
import { forwarderName, startForwarder } from '../../../src/network/forwarders.ts'

interface Made {
  id: string
  // biome-ignore lint/suspicious/noExplicitAny: the body of a request
  body: any
  running: boolean
}

/** As much of an engine as starting a forwarder needs. */
function fakeEngine(networks = ['bridge', 'host', 'none']) {
  const made = new Map<string, Made>()
  const byId = (id: string) => [...made.values()].find((one) => one.id === id)
  let count = 0
  const containers = {
    inspect: async (name: string) => {
      const there = made.get(name)
      return there && { Id: there.id, Config: there.body, State: { Running: there.running } }
    },
    create: async (name: string, body: unknown) => {
      if (made.has(name)) throw new Error('conflict')
      made.set(name, { id: String(++count), body, running: false })
      return String(count)
    },
    start: async (id: string) => {
      const one = byId(id)
      if (one) one.running = true
    },
    remove: async (id: string) => {
      for (const [name, one] of made) if (one.id === id) made.delete(name)
    },
  }
  const list = async () => networks.map((Name) => ({ Name }))
  const engine = { name: 'old', containers, networks: { list } } as unknown as Engine
  return { engine, made: () => made.get(forwarderName('web')) }
}

const bindings = [
  { HostIp: '0.0.0.0', HostPort: '8080' },
  { HostIp: '::', HostPort: '8080' },
]
const request = (targetPort = 8080, migration = 'first') => ({
  image: 'agent',
  migration,
  target: 'new',
  plan: {
    container: 'web',
    hosts: ['10.0.0.2'],
    proxyProtocol: 'v2' as const,
    ports: [{ protocol: 'tcp' as const, containerPort: 80, bindings, targetPort }],
  },
})
const settings = (made?: Made) => JSON.parse(made?.body.Cmd[1] ?? '{}')

t.test('behind the bridge it publishes what the container published', async (t) => {
  const { engine, made } = fakeEngine()
  await startForwarder(engine, request())
  t.strictSame(made()?.body.HostConfig.PortBindings, { '80/tcp': bindings })
  t.equal(made()?.body.HostConfig.NetworkMode, 'bridge')
  t.equal(made()?.body.HostConfig.RestartPolicy.Name, 'always')
  t.equal(made()?.running, true)
  t.strictSame(settings(made()).forwards, [
    {
      protocol: 'tcp',
      listen: { port: 80 },
      target: { hosts: ['10.0.0.2'], port: 8080 },
      proxyProtocol: 'v2',
    },
  ])
})

t.test('without a bridge it listens on the host, for each family', async (t) => {
  const { engine, made } = fakeEngine(['host', 'none'])
  await startForwarder(engine, request())
  t.equal(made()?.body.HostConfig.NetworkMode, 'host')
  t.strictSame(
    settings(made()).forwards.map(({ listen }: { listen: unknown }) => listen),
    [
      { address: '0.0.0.0', port: 8080 },
      { address: '::', port: 8080 },
    ],
  )
})

t.test('started again it stays, with other settings it is replaced', async (t) => {
  const { engine, made } = fakeEngine()
  const first = await startForwarder(engine, request())
  t.equal(await startForwarder(engine, request()), first)
  t.not(await startForwarder(engine, request(8081)), first)
  t.equal(settings(made()).forwards[0].target.port, 8081)
})

t.test("another migration's is replaced only when it does not run", async (t) => {
  const { engine, made } = fakeEngine()
  await startForwarder(engine, request())
  await t.rejects(startForwarder(engine, request(8080, 'second')), { code: 'forwarder-exists' })
  const there = made()
  if (there) there.running = false
  await startForwarder(engine, request(8080, 'second'))
  t.equal(made()?.body.Labels[migrationLabel], 'second')
})
