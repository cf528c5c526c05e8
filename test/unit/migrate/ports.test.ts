import t from 'tap'
import { checkForwards } from '../../../src/migrate/checks/forwards.ts'
import { checkPortMappings } from '../../../src/migrate/checks/port-mappings.ts'
import { checkPorts } from '../../../src/migrate/checks/ports.ts'
import type { Facts } from '../../../src/migrate/facts.ts'
import { forwardedPorts } from '../../../src/migrate/forwards.ts'
import { mappedPorts, publishedPorts, withMapped } from '../../../src/migrate/plan-ports.ts'
import type { HostConfig, PortBinding } from '../../../src/model/documents.ts'
import type { Manifest } from '../../../src/model/manifest.ts'
import type { MigrateOptions, PortMapping } from '../../../src/model/plan.ts'

type Bindings = Record<string, PortBinding[]>

const on = (HostPort: string, HostIp = ''): PortBinding => ({ HostIp, HostPort })
const options = (...mapPort: PortMapping[]) => ({ mapPort, forward: {} }) as unknown as MigrateOptions
const to8081: PortMapping = { port: '80/tcp', hostPort: '8081' }

function container(
  name: string,
  PortBindings: Bindings,
  more: HostConfig = {},
  exposed: string[] = [],
): Manifest {
  return {
    name,
    id: `id-of-${name}`,
    config: { ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])) },
    hostConfig: { PortBindings, ...more },
    state: { running: true },
    ports: PortBindings,
  } as unknown as Manifest
}

function facts(manifests: Manifest[], more: Partial<Facts> = {}): Facts {
  return {
    source: { name: 'a' },
    target: { name: 'b' },
    manifests,
    sourceContainers: [],
    targetContainers: [],
    targetAddresses: ['10.0.0.2'],
    targetHost: { addresses: ['127.0.0.1', '10.0.0.2', 'fd00::2'], listeningPorts: [] },
    ...more,
  } as unknown as Facts
}

t.test('a mapping replaces what was asked for, and nothing else', async (t) => {
  const web = container('web', { '80/tcp': [on('8080')], '80/udp': [on('8080')], '443/tcp': [on('8443')] })
  t.strictSame(mappedPorts(web, options(to8081)), { '80/tcp': [on('8081')] })
  t.strictSame(withMapped(web.hostConfig.PortBindings, mappedPorts(web, options(to8081))), {
    '80/tcp': [on('8081')],
    '80/udp': [on('8080')],
    '443/tcp': [on('8443')],
  })
  t.strictSame(mappedPorts(web, options({ ...to8081, container: 'api' })), {}, "another container's")
  t.strictSame(mappedPorts(web, options({ ...to8081, container: 'web' }))['80/tcp'], [on('8081')])
  const several = options(to8081, { ...to8081, hostPort: '8082', hostIp: '::1' })
  t.strictSame(mappedPorts(web, several)['80/tcp'], [on('8081'), on('8082', '::1')])
  t.strictSame(withMapped({ '80': [on('8080')] }, { '80/tcp': [on('8081')] }), { '80/tcp': [on('8081')] })
})

t.test('what only the host itself reached is not shown to others unless somebody says so', async (t) => {
  const web = container('web', { '80/tcp': [on('8080', '127.0.0.1'), on('8090', '127.0.0.1')] })
  t.strictSame(mappedPorts(web, options(to8081))['80/tcp'], [on('8081', '127.0.0.1')])
  const shown = options({ ...to8081, hostIp: '0.0.0.0' })
  t.strictSame(mappedPorts(web, shown)['80/tcp'], [on('8081', '0.0.0.0')])
})

t.test('which ports are published', async (t) => {
  t.strictSame(publishedPorts(container('web', { '80': [on('1')], '81/tcp': [] }, {}, ['90/tcp'])), {
    '80/tcp': [on('1')],
  })
  const all = container('web', { '80/tcp': [on('1')] }, { PublishAllPorts: true }, ['80/tcp', '90/tcp'])
  t.strictSame(publishedPorts(all), { '80/tcp': [on('1')], '90/tcp': [{}] })
  for (const NetworkMode of ['host', 'none', 'container:db'])
    t.strictSame(publishedPorts(container('web', { '80/tcp': [on('1')] }, { NetworkMode })), {}, NetworkMode)
})

const mapped = (manifests: Manifest[], ...mappings: PortMapping[]) =>
  checkPortMappings(facts(manifests), options(...mappings)).refusals

t.test('a mapping that means no port, or several, is refused with what there is', async (t) => {
  const web = container('web', { '80/tcp': [on('8080')], '53/udp': [on('53')] })
  const api = container('api', { '80/tcp': [on('8070')] })
  t.strictSame(mapped([web], to8081), [])
  const [none] = mapped([web], { ...to8081, port: '81/tcp' })
  t.match(none, { code: 'no-such-port', suggestions: ['web publishes 80/tcp, 53/udp.'] })
  t.match(mapped([container('web', {})], to8081), [{ suggestions: ['web publishes no ports.'] }])
  const [stranger] = mapped([web], { ...to8081, container: 'db' })
  t.match(stranger, { code: 'no-such-port', message: /db, which is not among/ })
  const [both] = mapped([web, api], { ...to8081, hostIp: '::1' })
  t.equal(both?.code, 'port-ambiguous')
  t.match(both?.suggestions[1], /--map-port api:80\/tcp=\[::1\]:8081$/)
  t.strictSame(mapped([web, api], { ...to8081, container: 'api' }), [])
})

t.test('two ports in one place are refused, also where only one of them is mapped', async (t) => {
  const codes = (...mappings: PortMapping[]) => {
    const web = container('web', { '80/tcp': [on('8080')], '81/tcp': [on('8081')] })
    const api = container('api', { '90/tcp': [on('8090')], '90/udp': [on('8090')] })
    return mapped([web, api], ...mappings).map(({ code }) => code)
  }
  t.strictSame(codes(to8081), ['port-mapped-twice'])
  t.strictSame(codes({ port: '81/tcp', hostPort: '8080' }), ['port-mapped-twice'])
  t.strictSame(codes(to8081, { port: '81/tcp', hostPort: '8080' }), [], 'they change places')
  t.strictSame(codes({ port: '80/tcp', hostPort: '8090' }), ['port-mapped-twice'], 'of another container')
  t.strictSame(codes({ port: '80/tcp', hostPort: '8090' }, { port: '90/tcp', hostPort: '8091' }), [])
  const local = (hostIp: string): PortMapping => ({ port: '80/tcp', hostIp, hostPort: '9000' })
  const other = { port: '81/tcp', hostIp: '127.0.0.2', hostPort: '9000' }
  t.strictSame(codes(local('127.0.0.1'), other), [], 'on different addresses')
  t.strictSame(codes(local('::'), other), [])
  t.strictSame(codes(local('0.0.0.0'), other), ['port-mapped-twice'])
})

t.test('addresses that the target does not have, with a mapping that would do', async (t) => {
  const refusals = (binding: PortBinding, ...mappings: PortMapping[]) =>
    checkPorts(facts([container('web', { '80/tcp': [binding] })]), options(...mappings)).refusals
  const [refusal] = refusals(on('8080', '192.0.2.7'))
  t.match(refusal, {
    code: 'host-address',
    message: /web publishes 80\/tcp on the host address 192\.0\.2\.7/,
  })
  t.match(refusal?.suggestions[0], /--map-port 80=HOST_IP:8080$/)
  t.match(refusal?.suggestions[1], /--map-port 80=0\.0\.0\.0:8080$/)
  t.match(refusals(on('1-9', '2001:db8::7'))[0]?.suggestions[1], /--map-port 80=\[::\]:HOST_PORT$/)
  for (const address of ['', '0.0.0.0', '::', '127.0.0.9', '::1', '10.0.0.2', 'FD00:0::2'])
    t.strictSame(refusals(on('8080', address)), [], address)
  t.strictSame(refusals(on('8080', '192.0.2.7'), { ...to8081, hostIp: '10.0.0.2' }), [])
  t.match(refusals(on('8080'), { ...to8081, hostIp: '192.0.2.7' }), [{ code: 'host-address' }])
})

t.test('a port that is taken, also the one that is mapped to', async (t) => {
  const other = {
    Names: ['/other'],
    State: 'running',
    Labels: {},
    Ports: [{ PublicPort: 8080, Type: 'tcp' }],
  }
  const codes = (manifests: Manifest[], ...mappings: PortMapping[]) =>
    checkPorts(facts(manifests, { targetContainers: [other] } as never), options(...mappings)).refusals
  const web = container('web', { '80/tcp': [on('8080')] })
  t.match(codes([web]), [{ code: 'port-taken', suggestions: [/--map-port 80=HOST_PORT$/] }])
  t.match(codes([web, container('api', {})])[0]?.suggestions[0], /--map-port web:80=HOST_PORT$/)
  t.strictSame(codes([web], to8081), [])
  const free = container('web', { '80/tcp': [on('8000')], '53/udp': [on('8000')] })
  t.match(codes([free], { ...to8081, hostPort: '8080' }), [{ code: 'port-taken' }])
  t.strictSame(codes([free], { ...to8081, port: '53/udp', hostPort: '8080' }), [])
})

t.test(
  "the host's network has no published ports, but those that the image speaks of may be taken",
  async (t) => {
    const listeningPorts = [{ protocol: 'tcp', address: '0.0.0.0', port: 80 }]
    const warned = (exposed: string[]) => {
      const web = container('web', { '80/tcp': [on('80')] }, { NetworkMode: 'host' }, exposed)
      const { refusals, warnings } = checkPorts(
        facts([web], { targetHost: { addresses: [], listeningPorts } } as never),
        options(),
      )
      t.strictSame(refusals, [], 'what it publishes is in vain')
      return warnings.map(({ code }) => code)
    }
    t.strictSame(warned(['81/tcp', '80/udp']), ['host-network'])
    t.strictSame(warned(['80/tcp']), ['host-network', 'host-port-taken'])
  },
)

t.test('a forwarder keeps the old port, and passes on to the new one', async (t) => {
  const web = container('web', { '80/tcp': [on('8080')] })
  t.match(forwardedPorts(web, options(to8081)), [{ bindings: [on('8080')], targetPort: 8081 }])
  const chosen = container('web', { '80/tcp': [on('49153')] }, { PortBindings: { '80/tcp': [on('')] } })
  t.match(forwardedPorts(chosen, options(to8081)), [{ bindings: [on('49153')], targetPort: 8081 }])
  const hidden = options({ ...to8081, hostIp: '127.0.0.1' })
  t.strictSame(forwardedPorts(web, hidden), [], 'it could not reach that')
  const two = container('web', { '80/tcp': [on('8080')], '81/tcp': [on('8079')] })
  const { warnings, refusals } = checkForwards(facts([two]), hidden)
  t.strictSame(refusals, [])
  t.match(warnings, [{ code: 'not-forwarded', message: /80\/tcp .* mapped to 127\.0\.0\.1/ }])
})
