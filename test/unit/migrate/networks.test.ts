import t from 'tap'
import { checkNetworks } from '../../../src/migrate/checks/network.ts'
import type { Facts } from '../../../src/migrate/facts.ts'
import { planMigration } from '../../../src/migrate/plan.ts'
import { stepsOf } from '../../../src/migrate/procedure.ts'
import type { NetworkDocument } from '../../../src/model/documents.ts'
import type { MigrateOptions } from '../../../src/model/plan.ts'

const options = { mapNetwork: {}, mode: 'warm', consistency: 'clean' } as unknown as MigrateOptions

function network(Driver: string, parts: Partial<NetworkDocument> = {}): NetworkDocument {
  return {
    Id: 'n1',
    Name: 'net',
    Driver,
    Scope: 'local',
    EnableIPv6: false,
    Internal: false,
    Attachable: true,
    Ingress: false,
    IPAM: { Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }] },
    Options: Driver.endsWith('vlan') ? { parent: 'eth0' } : {},
    Labels: {},
    ...parts,
  }
}

/** A container `db` in a network of the source, and what the target has. */
function facts(ofSource: NetworkDocument, targetNetworks: NetworkDocument[] = []): Facts {
  const mac = '02:11:22:33:44:55'
  const swarm = { LocalNodeState: 'active', RemoteManagers: [{ NodeID: 'm', Addr: '' }] }
  const manifest = {
    name: 'db',
    id: 'c1',
    config: { Image: 'redis', MacAddress: mac },
    hostConfig: { NetworkMode: 'net' },
    mounts: [],
    image: { id: 'i1', reference: 'redis', repoDigests: [], layers: [], config: null, os: 'linux' },
    endpoints: [
      {
        network: 'net',
        asked: { mac, aliases: ['a'], links: [], driverOptions: {} },
        actual: { ipv4: '10.9.0.7', ipv6: '', mac },
      },
    ],
    networks: [ofSource],
    state: { running: true },
    ports: {},
  }
  const engine = (name: string) => ({ name, id: name, apiVersion: '1.45', swarm, os: 'linux' })
  return {
    source: engine('a'),
    target: engine('b'),
    manifests: [manifest],
    layerChanged: {},
    sourceContainers: [],
    targetContainers: [],
    peers: [],
    stretched: [],
    targetGhosts: [],
    targetNetworks,
    targetVolumes: [],
    targetImages: {},
    targetHost: {
      interfaces: ['eth0'],
      modules: { macvlan: true, ipvlan: true },
      freeBytes: 1e12,
      freeInodes: 1e9,
      paths: {},
      addresses: [],
      listeningPorts: [],
    },
  } as unknown as Facts
}

const found = (of: Facts, more: Partial<MigrateOptions> = {}) => {
  const { refusals, warnings } = checkNetworks(of, { ...options, ...more })
  return [...refusals, ...warnings].map(({ code }) => code)
}
const planned = (of: Facts, more: Partial<MigrateOptions> = {}) =>
  planMigration('m', '', of, { ...options, ...more }).plan

t.test('a network of the same name is used only where it is the same network', async (t) => {
  const theirs = (Driver: string) => network(Driver, { Id: 'n2' })
  t.strictSame(found(facts(network('bridge'), [theirs('bridge')])), ['network-exists'])
  t.strictSame(found(facts(network('macvlan'), [theirs('macvlan')])), [])
  t.strictSame(found(facts(network('macvlan'), [theirs('bridge')])), ['network-exists'])
  t.strictSame(found(facts(network('overlay'), [theirs('overlay')])), ['network-exists'])
  t.strictSame(found(facts(network('overlay'), [network('overlay')])), [])
  t.strictSame(found(facts(network('weave'))), ['network-driver'])
  t.strictSame(found(facts(network('weave'), [theirs('bridge')]), { mapNetwork: { net: 'net' } }), [])
})

t.test('an engine that knows no network without IPv4 is not asked for one', async (t) => {
  const without = facts(network('bridge', { EnableIPv4: false, EnableIPv6: true }))
  t.strictSame(found(without), ['without-ipv4'])
  t.strictSame(found(without, { stretch: true }), ['without-ipv4'])
  t.strictSame(found({ ...without, target: { ...without.target, apiVersion: '1.48' } }), [])
  t.strictSame(found(facts(network('bridge', { EnableIPv4: true }))), [])
})

t.test('what is made and what is joined follows from the driver', async (t) => {
  const action = (of: Facts) => planned(of).networks.map(({ action, request }) => [action, request.Driver])
  t.strictSame(action(facts(network('bridge'))), [['create', 'bridge']])
  t.strictSame(action(facts(network('macvlan'))), [['create', 'macvlan']])
  t.strictSame(action(facts(network('macvlan'), [network('macvlan')])), [['join', undefined]])
  t.strictSame(action(facts(network('overlay'))), [['join', undefined]])
})

t.test('the parent of a network that is made can be named, of another one it cannot', async (t) => {
  const mapParent = { net: 'eth0' }
  const made = planned(facts(network('macvlan', { Options: { parent: 'ens5' } })), { mapParent })
  t.match(made.networks, [{ request: { Options: { parent: 'eth0' } } }])
  t.strictSame(found(facts(network('bridge')), { mapParent }), ['parent-unused'])
  t.strictSame(found(facts(network('macvlan'), [network('macvlan')]), { mapParent }), ['parent-unused'])
  t.strictSame(found(facts(network('macvlan')), { mapParent: { other: 'eth0' } }), ['parent-unused'])
})

t.test('a network that spans engines shows the container that moves: its address is not taken', async (t) => {
  const holder = { Name: 'db', IPv4Address: '10.9.0.7/24', IPv6Address: '', MacAddress: '' }
  const held = (id: string) => network('overlay', { Containers: { [id]: holder } })
  t.strictSame(found(facts(network('overlay'), [held('c1')])), [])
  t.strictSame(found(facts(network('overlay'), [held('c2')])), ['address-taken'])
})

t.test('a MAC address is asked for only where containers have one', async (t) => {
  const mac = (of: Facts, more: Partial<MigrateOptions> = {}) => {
    const request = planned(of, more).containers[0]?.request
    const networking = request?.NetworkingConfig as
      | { EndpointsConfig: Record<string, { MacAddress?: string }> }
      | undefined
    return [
      request?.MacAddress,
      networking?.EndpointsConfig.net?.MacAddress ?? networking?.EndpointsConfig.lan?.MacAddress,
    ]
  }
  const asked = '02:11:22:33:44:55'
  t.strictSame(mac(facts(network('macvlan'))), [asked, asked])
  t.strictSame(mac(facts(network('ipvlan'))), [undefined, undefined])
  const mapped = facts(network('bridge'), [network('ipvlan', { Name: 'lan' })])
  t.strictSame(mac(mapped, { mapNetwork: { net: 'lan' } }), [undefined, undefined])
  t.strictSame(found(mapped, { mapNetwork: { net: 'lan' } }), ['mac-lost'])
})

t.test('neighbours are told of addresses on the LAN, by the network that the target has', async (t) => {
  const announced = (of: Facts, more: Partial<MigrateOptions> = {}) =>
    planned(of, more).containers[0]?.announced
  t.strictSame(announced(facts(network('macvlan'))), ['10.9.0.7'])
  t.strictSame(announced(facts(network('bridge'))), [])
  t.strictSame(announced(facts(network('overlay'))), [])
  const mapped = facts(network('bridge'), [network('macvlan', { Name: 'lan' })])
  t.strictSame(announced(mapped, { mapNetwork: { net: 'lan' } }), ['10.9.0.7'])
})

t.test('addresses of a whole cluster are held while they are copied for long', async (t) => {
  const held = (of: Facts, more: Partial<MigrateOptions> = {}) => planned(of, more).containers[0]?.held
  const swarm = facts(network('overlay'), [network('overlay')])
  t.strictSame(held(swarm), [{ network: 'net', ipv4: '10.9.0.7' }])
  t.strictSame(held(facts(network('bridge'))), [])
  const mapped = facts(network('overlay'), [network('overlay', { Name: 'other', Id: 'n2' })])
  t.strictSame(held(mapped, { mapNetwork: { net: 'other' } }), [], 'it will have another address')
  const steps = (more: Partial<MigrateOptions>) => stepsOf(planned(swarm, more)).map(({ name }) => name)
  t.notOk(steps({ mode: 'warm' }).includes('hold'))
  t.ok(steps({ mode: 'cold' }).includes('hold'))
  t.ok(
    steps({ mode: 'cold' }).indexOf('hold') > steps({ mode: 'cold' }).indexOf('rest'),
    'given up before the source starts again',
  )
})
