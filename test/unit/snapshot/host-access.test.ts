import t from 'tap'
import type { Manifest } from '../../../src/model/manifest.ts'
import { hostAccess } from '../../../src/snapshot/browse/host-access.ts'

const container = (hostConfig: object, mounts: object[] = []) =>
  ({ hostConfig, mounts }) as unknown as Manifest

t.test('what a container gets of the host is told', async (t) => {
  t.strictSame(
    hostAccess(container({ NetworkMode: 'bridge', CapAdd: null }, [{ kind: 'volume', source: 'v' }])),
    [],
  )
  t.strictSame(hostAccess(container({ Binds: ['v:/data', '/:/host:ro'], VolumesFrom: ['db'] })), [
    'volumes of db',
    '/:/host:ro',
  ])
  const much = {
    Privileged: true,
    NetworkMode: 'host',
    PidMode: 'host',
    CapAdd: ['SYS_ADMIN'],
    SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'],
    Devices: [{ PathOnHost: '/dev/sda' }],
  }
  t.strictSame(hostAccess(container(much, [{ kind: 'bind', source: '/', destination: '/host' }])), [
    'everything (privileged)',
    'its network',
    'its processes',
    'capability SYS_ADMIN',
    'seccomp=unconfined',
    '/dev/sda',
    '/:/host',
  ])
})
