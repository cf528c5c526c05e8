import t from 'tap'
import type { ContainerDocument, ImageDocument, NetworkDocument } from '../../../src/model/documents.ts'
import { manifestOf } from '../../../src/model/manifest.ts'
import { originsOf } from '../../../src/model/origins.ts'

const id = 'f00dfeedbeef0123456789'

/** A container as inspected, with these parts. */
function container(parts: {
  Config?: object
  HostConfig?: object
  Mounts?: object[]
  Networks?: object
}): ContainerDocument {
  return {
    Id: id,
    Name: '/db',
    Created: '',
    Image: 'sha256:1',
    State: { Status: 'running', Running: true, Paused: false, StartedAt: '', ExitCode: 0 },
    Config: { Image: 'redis', Hostname: id.slice(0, 12), ...parts.Config },
    HostConfig: { NetworkMode: 'app', ...parts.HostConfig },
    Mounts: parts.Mounts ?? [],
    NetworkSettings: { Networks: parts.Networks ?? {} },
  } as unknown as ContainerDocument
}

const image = {
  Id: 'sha256:1',
  Architecture: 'amd64',
  Os: 'linux',
  RootFS: {},
  Config: { Env: ['PATH=/bin'], Cmd: ['redis'] },
} as unknown as ImageDocument
const network = { Id: 'net1', Name: 'app' } as NetworkDocument

function manifest(document: ContainerDocument, names = new Map<string, string>(), engineVersion = '26.1.5') {
  const networks = [network, { Id: 'net2', Name: 'back', Driver: 'bridge' } as NetworkDocument]
  return manifestOf({
    container: document,
    image,
    networks,
    volumes: [],
    engineVersion,
    containerNames: names,
  })
}

t.test('a MAC address counts as asked for only where the engine says that the user set it', async (t) => {
  const Networks = {
    app: {
      NetworkID: 'net1',
      MacAddress: '02:42:00:00:00:01',
      IPAddress: '10.0.0.2',
      Aliases: ['cache', id.slice(0, 12)],
    },
  }
  const generated = manifest(container({ Networks }))
  t.equal(generated.endpoints[0]?.asked.mac, undefined)
  t.equal(generated.endpoints[0]?.actual.mac, '02:42:00:00:00:01')
  t.strictSame(
    generated.endpoints[0]?.asked.aliases,
    ['cache'],
    'the short id is no alias that anybody asked for',
  )
  const set = manifest(container({ Config: { MacAddress: '02:42:00:00:00:01' }, Networks }))
  t.equal(set.endpoints[0]?.asked.mac, '02:42:00:00:00:01')
})

t.test('links name containers, also where they were given by their ids', async (t) => {
  const Networks = { app: { NetworkID: 'net1', Links: ['0f1828886dc7:byid', 'db:byname'] } }
  const { endpoints } = manifest(container({ Networks }), new Map([['0f1828886dc7', 'db']]))
  t.strictSame(endpoints[0]?.asked.links, ['db:byid', 'db:byname'])
})

t.test('on a further network a MAC address is kept unless it is derived from the IPv4 address', async (t) => {
  const back = (MacAddress: string, version?: string) => {
    const endpoint = { NetworkID: 'net2', MacAddress, IPAddress: '10.31.171.3' }
    const { endpoints, ...rest } = manifest(container({ Networks: { back: endpoint } }), undefined, version)
    const told = originsOf({ ...rest, endpoints }).find(({ field }) => field === 'Networks.back.MacAddress')
    return [endpoints[0]?.asked.mac, told?.why]
  }
  t.strictSame(back('02:42:0a:1f:ab:03'), [undefined, 'generated'])
  t.strictSame(back('02:de:ad:be:ef:01'), ['02:de:ad:be:ef:01', undefined], 'the user set it')
  const random = back('a6:00:00:00:00:01', '28.5.2')
  t.equal(random[0], 'a6:00:00:00:00:01', 'engines from 28 on generate random ones')
  t.match(random[1], /the engine does not tell, so it is kept/)
})

t.test('mounts are sorted by who asked for them', async (t) => {
  const { mounts } = manifest(
    container({
      Config: { Volumes: { '/anonymous/': {} } },
      HostConfig: {
        Binds: ['named:/data/', '/srv:/srv:ro'],
        VolumesFrom: ['other'],
        Tmpfs: { '/run': '' },
        Mounts: [{ Type: 'volume', Target: '/nameless' }],
      },
      Mounts: [
        { Type: 'volume', Name: 'named', Source: '/x', Destination: '/data', RW: true },
        { Type: 'volume', Name: 'abc', Source: '/x', Destination: '/anonymous', RW: true },
        { Type: 'volume', Name: 'def', Source: '/x', Destination: '/nameless', RW: true },
        { Type: 'volume', Name: 'ghi', Source: '/x', Destination: '/theirs', RW: true },
        { Type: 'bind', Source: '/srv', Destination: '/srv', RW: false },
      ],
    }),
  )
  t.strictSame(
    mounts.map(({ kind, destination }) => `${kind} ${destination}`),
    [
      'anonymous /anonymous',
      'volume /data',
      'anonymous /nameless',
      'bind /srv',
      'shared /theirs',
      'tmpfs /run',
    ],
  )
})

t.test('ids of other containers become names', async (t) => {
  const { hostConfig } = manifest(
    container({ HostConfig: { NetworkMode: 'container:77', PidMode: 'container:88', IpcMode: 'private' } }),
    new Map([
      ['77', 'web'],
      ['88', 'side'],
    ]),
  )
  t.match(hostConfig, { NetworkMode: 'container:web', PidMode: 'container:side', IpcMode: 'private' })
})

t.test('what nobody asked for is listed with where it comes from', async (t) => {
  const origins = originsOf(
    manifest(
      container({
        Config: { Env: ['MINE=1', 'PATH=/bin'], Cmd: ['redis'] },
        HostConfig: { ShmSize: 67108864, Memory: 10, MemorySwap: 20 },
      }),
    ),
  )
  const of = (field: string) => origins.find((origin) => origin.field === field)?.origin
  t.equal(of('Config.Hostname'), 'engine')
  t.equal(of('Config.Cmd'), 'image')
  t.equal(of('Config.Env: PATH'), 'image')
  t.equal(of('Config.Env: MINE'), undefined)
  t.equal(of('HostConfig.ShmSize'), 'engine')
  t.equal(of('HostConfig.MemorySwap'), 'engine')
  t.equal(of('HostConfig.Memory'), undefined)
})

t.test('mounts come in one order, in whichever the engine shows them', async (t) => {
  const Mounts = ['/data', '/anonymous', '/data/below'].map((Destination) => ({
    Type: 'volume',
    Name: Destination,
    Destination,
    RW: true,
  }))
  const one = manifest(container({ Mounts }))
  t.strictSame(one, manifest(container({ Mounts: Mounts.toReversed() })))
  t.strictSame(
    one.mounts.map(({ destination }) => destination),
    ['/anonymous', '/data', '/data/below'],
  )
})
