import t from 'tap'
import { parsePortMappings } from '../../../src/cli/port-mapping.ts'

t.test('a port of the container, and where it is to be published', async (t) => {
  const cases: [string, object][] = [
    ['80=8081', { port: '80/tcp', hostPort: '8081' }],
    ['53/udp=5353', { port: '53/udp', hostPort: '5353' }],
    ['80=192.0.2.7:8081', { port: '80/tcp', hostIp: '192.0.2.7', hostPort: '8081' }],
    ['80=[2001:db8::7]:8081', { port: '80/tcp', hostIp: '2001:db8::7', hostPort: '8081' }],
    ['web.1_a-b:80/TCP=8081', { container: 'web.1_a-b', port: '80/tcp', hostPort: '8081' }],
    ['443:80/tcp=[::]:1', { container: '443', port: '80/tcp', hostIp: '::', hostPort: '1' }],
  ]
  for (const [word, mapping] of cases) t.strictSame(parsePortMappings([word]), [mapping], word)
  t.strictSame(parsePortMappings([]), [])
})

t.test('ranges are taken port by port, several words together', async (t) => {
  t.strictSame(parsePortMappings(['8000-8002/udp=127.0.0.1:9000-9002', '80=81']), [
    { port: '8000/udp', hostIp: '127.0.0.1', hostPort: '9000' },
    { port: '8001/udp', hostIp: '127.0.0.1', hostPort: '9001' },
    { port: '8002/udp', hostIp: '127.0.0.1', hostPort: '9002' },
    { port: '80/tcp', hostPort: '81' },
  ])
})

t.test('anything else is a usage error that shows what is meant', async (t) => {
  const odd = [
    '',
    '80',
    '80=',
    '=80',
    '80=81=82',
    '80/icmp=81',
    '0=81',
    '80=0',
    '80=65536',
    '80-81=90',
    '80=90-91',
  ]
  const odder = [
    '80-82=90-91',
    '82-80=90-92',
    '80=::1:81',
    '80=[127.0.0.1]:81',
    '80=300.1.1.1:81',
    '80=host:81',
    'a b:80=81',
    '-1=5',
  ]
  for (const word of [...odd, ...odder]) {
    t.throws(
      () => parsePortMappings([word]),
      { code: 'usage', exitCode: 2, suggestions: [/--map-port 80=8081/] },
      word,
    )
  }
  t.throws(() => parsePortMappings(['80-82=90-91']), { message: /3 and 2 ports/ })
})
