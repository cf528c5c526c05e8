import t from 'tap'
import { forwardedPorts, planForwards, withActualPorts } from '../../../src/migrate/forwards.ts'
import type { Manifest } from '../../../src/model/manifest.ts'

const both = (port: string) => [
  { HostIp: '0.0.0.0', HostPort: port },
  { HostIp: '::', HostPort: port },
]

function manifest(ports: Manifest['ports'], asked: Record<string, { HostIp?: string; HostPort?: string }[]>) {
  return { name: 'web', ports, hostConfig: { PortBindings: asked } } as unknown as Manifest
}

t.test('ports are listened on as they are, and sought where they will be', async (t) => {
  const web = manifest(
    { '80/tcp': both('8080'), '53/udp': both('5353'), '9/tcp': null },
    { '80/tcp': [{ HostPort: '8080' }], '53/udp': [{ HostPort: '5353' }] },
  )
  t.strictSame(forwardedPorts(web), [
    { protocol: 'tcp', containerPort: 80, bindings: both('8080'), targetPort: 8080 },
    { protocol: 'udp', containerPort: 53, bindings: both('5353'), targetPort: 5353 },
  ])
})

t.test('a port that the engine chooses, also from a range, is known when the target runs', async (t) => {
  for (const asked of ['', '0', '8000-8010']) {
    const [port] = forwardedPorts(manifest({ '80/tcp': both('8003') }, { '80/tcp': [{ HostPort: asked }] }))
    t.equal(port?.targetPort, undefined, asked)
    t.strictSame(port?.bindings, both('8003'))
  }
  const plan = { container: 'web', hosts: ['10.0.0.2'], ports: [{ ...forwarded, targetPort: 8003 }] }
  t.equal(withActualPorts(plan, { '80/tcp': both('8005') }).ports[0]?.targetPort, 8005)
  t.strictSame(withActualPorts(plan, {}).ports, [], 'what the target does not publish goes nowhere')
})

const forwarded = { protocol: 'tcp' as const, containerPort: 80, bindings: both('8003') }

t.test('what only the host itself reaches is left out', async (t) => {
  const local = { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '80' }], '7/sctp': both('7') }
  t.strictSame(forwardedPorts(manifest(local, {})), [])
})

t.test('only with --forward, and the client is named only on request', async (t) => {
  const web = manifest({ '80/tcp': both('80') }, { '80/tcp': [{ HostPort: '80' }] })
  const facts = { targetAddresses: ['10.0.0.2'] }
  t.strictSame(planForwards([web], facts, {} as never), [])
  const [plain] = planForwards([web], facts, { forward: {} } as never)
  t.match(plain, { container: 'web', hosts: ['10.0.0.2'], proxyProtocol: undefined })
  const [named] = planForwards([web], facts, { forward: { proxyProtocol: 'v2' } } as never)
  t.equal(named?.proxyProtocol, 'v2')
})
