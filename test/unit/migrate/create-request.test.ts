import t from 'tap'
import { createRequest } from '../../../src/migrate/create-request.ts'
import { startStages } from '../../../src/migrate/order.ts'
import type { HostConfig } from '../../../src/model/documents.ts'
import type { Manifest } from '../../../src/model/manifest.ts'

type Parts = Partial<Omit<Manifest, 'config' | 'hostConfig' | 'image'>> & {
  config?: object
  hostConfig?: object
  image?: object
}

function manifest(parts: Parts): Manifest {
  return {
    name: 'db',
    id: '0123456789abcdef',
    mounts: [],
    endpoints: [],
    networks: [],
    ports: {},
    ...parts,
    config: { Image: 'redis', ...parts.config },
    hostConfig: { NetworkMode: 'default', ...parts.hostConfig },
    image: { config: null, ...parts.image },
  } as unknown as Manifest
}

const settings = {
  image: 'redis',
  labels: { 'wherry.migration': 'm' },
  mapNetwork: {},
  mappedPorts: {},
  sourceHostName: 'old-host',
  keepMacOn: [],
  withoutMac: [] as string[],
  apiVersion: '1.43',
}

t.test('restarts are off until the move is committed', async (t) => {
  const { request } = createRequest(manifest({ hostConfig: { RestartPolicy: { Name: 'always' } } }), settings)
  t.match(request.HostConfig, { RestartPolicy: { Name: 'no' } })
})

t.test("an entrypoint that was asked to be empty does not become the image's again", async (t) => {
  const { request } = createRequest(
    manifest({ config: { Entrypoint: null }, image: { config: { Entrypoint: ['run'] } } }),
    settings,
  )
  t.strictSame(request.Entrypoint, [''])
})

t.test('a joined network namespace brings its own name, ports and address', async (t) => {
  const config = { Hostname: 'h', ExposedPorts: { '80/tcp': {} } }
  const { request } = createRequest(
    manifest({ config, hostConfig: { NetworkMode: 'container:web' } }),
    settings,
  )
  t.equal(request.Hostname, undefined)
  t.equal(request.ExposedPorts, undefined)
})

t.test("in the host's network a name that was given is kept, the host's own is not", async (t) => {
  const named = (Hostname: string, more = {}) =>
    createRequest(manifest({ config: { Hostname }, hostConfig: { NetworkMode: 'host', ...more } }), settings)
      .request.Hostname
  t.equal(named('shop'), 'shop')
  t.equal(named('old-host'), undefined)
  t.equal(named('shop', { UTSMode: 'host' }), undefined, 'which engines refuse')
})

t.test('ports are published as mapped, the others as they were', async (t) => {
  const PortBindings = { '80/tcp': [{ HostPort: '80' }], '81/tcp': [{ HostPort: '81' }] }
  const mappedPorts = { '80/tcp': [{ HostIp: '', HostPort: '8080' }] }
  const made = createRequest(manifest({ hostConfig: { PortBindings } }), { ...settings, mappedPorts })
  t.strictSame((made.request.HostConfig as HostConfig).PortBindings, { ...PortBindings, ...mappedPorts })
})

t.test('addresses are asked for, also where the engine chose them; a generated MAC is not', async (t) => {
  const endpoint = (network: string, asked: object) => ({
    network,
    asked: { aliases: ['a'], links: [], driverOptions: {}, ...asked },
    actual: { ipv4: '10.0.0.5', ipv6: '', mac: '02:42:0a:00:00:05' },
  })
  const made = createRequest(
    manifest({
      hostConfig: { NetworkMode: 'front' },
      endpoints: [endpoint('front', {}), endpoint('back', { mac: '02:00:00:00:00:01' })],
    }),
    { ...settings, mapNetwork: { back: 'rear' } },
  )
  const endpoints = (made.request.NetworkingConfig as { EndpointsConfig: Record<string, object> })
    .EndpointsConfig
  t.match(endpoints.front, { IPAMConfig: { IPv4Address: '10.0.0.5' }, Aliases: ['a'] })
  t.notOk('MacAddress' in (endpoints.front ?? {}))
  t.match(made.connections, [{ network: 'rear', endpoint: { MacAddress: '02:00:00:00:00:01' } }])
})

t.test(
  'from API 1.44 on all endpoints are asked for at once, for only then MAC addresses are kept',
  async (t) => {
    const back = {
      network: 'back',
      asked: { aliases: [], links: [], driverOptions: {}, mac: '02:00:00:00:00:01' },
      actual: { ipv4: '10.0.0.5', ipv6: '', mac: '02:00:00:00:00:01' },
    }
    const bridge = {
      ...back,
      network: 'bridge',
      asked: { aliases: [], links: [], driverOptions: {} },
    }
    const made = createRequest(
      manifest({ hostConfig: { NetworkMode: 'default' }, endpoints: [bridge, back] }),
      { ...settings, apiVersion: '1.44' },
    )
    t.strictSame(made.connections, [])
    t.match(made.request.NetworkingConfig, {
      EndpointsConfig: { bridge: {}, back: { MacAddress: '02:00:00:00:00:01' } },
    })
  },
)

t.test('containers start after those that they need', async (t) => {
  const web = manifest({ name: 'web', id: 'w', hostConfig: { Links: ['/db:/web/db'] } })
  const side = manifest({ name: 'side', id: 's', hostConfig: { NetworkMode: 'container:web' } })
  const db = manifest({ name: 'db', id: 'd' })
  t.strictSame(Object.fromEntries(startStages([side, web, db])), { d: 0, w: 1, s: 2 })
})

t.test('a circle of needs does not hang', async (t) => {
  const a = manifest({ name: 'a', id: 'a', hostConfig: { Links: ['/b:/a/b'] } })
  const b = manifest({ name: 'b', id: 'b', hostConfig: { Links: ['/a:/b/a'] } })
  t.equal(startStages([a, b]).size, 2)
})
