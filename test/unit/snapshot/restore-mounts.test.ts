import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import type { Manifest } from '../../../src/model/manifest.ts'
import type { Plan, TreePlan } from '../../../src/model/plan.ts'
import { assertOwnVolume, unlistedMounts } from '../../../src/snapshot/restore/mounts.ts'

const volume = (kind: string, source: string, destination = '/data') => ({ kind, source, destination })
const codes = (hostConfig: object, mounts: object[]) =>
  unlistedMounts([{ name: 'db', hostConfig, mounts } as unknown as Manifest], 'snapshot x').map(
    ({ code }) => code,
  )

t.test('what a container mounts is what its manifest lists', async (t) => {
  t.strictSame(codes({}, [volume('anonymous', 'a'.repeat(64))]), [])
  t.strictSame(
    codes({ Binds: ['db:/data/:ro', '/srv/x/:/x'] }, [
      volume('volume', 'db'),
      volume('bind', '/srv/x', '/x'),
    ]),
    [],
  )
  const tmpfs = { Type: 'tmpfs', Target: '/t' }
  const listed = [volume('anonymous', ''), volume('tmpfs', '', '/t')]
  t.strictSame(codes({ Mounts: [{ Type: 'volume', Target: '/data', VolumeOptions: {} }, tmpfs] }, listed), [])
})

t.test('what it does not list is refused', async (t) => {
  const bad = ['mount-not-listed']
  t.strictSame(codes({ Binds: ['prod:/data'] }, [volume('anonymous', 'x')]), bad)
  t.strictSame(codes({ Binds: ['prod:/data'] }, [volume('volume', 'other')]), bad)
  t.strictSame(codes({ Binds: ['/:/host'] }, []), bad)
  t.strictSame(
    codes({ Mounts: [{ Type: 'bind', Source: '/etc', Target: '/data' }] }, [volume('bind', '/srv')]),
    bad,
  )
  t.strictSame(codes({}, [volume('anonymous', 'x'), volume('anonymous', 'y', '/data/')]), bad)
  const options = { type: 'none', o: 'bind', device: '/etc' }
  const hidden = {
    Type: 'volume',
    Target: '/data',
    VolumeOptions: { DriverConfig: { Name: 'local', Options: options } },
  }
  t.strictSame(codes({ Mounts: [hidden] }, [volume('anonymous', 'x')]), ['volume-options'])
})

t.test('nothing is written to a volume that was there before', async (t) => {
  const id = 'a'.repeat(64)
  const target = (found: object, users: object[]) =>
    ({
      name: 'beta',
      volumes: { inspect: async () => found },
      containers: { list: async () => users.map((Labels) => ({ Labels, Mounts: [{ Name: id }] })) },
    }) as unknown as Engine
  const plan = { id: 'm' } as Plan
  const tree = { kind: 'anonymous', container: 'db', destination: '/data' } as TreePlan
  const own = { 'wherry.migration': 'm' }
  await assertOwnVolume(target({ Driver: 'local', Options: null }, [own]), plan, tree, id)
  const refused = { code: 'not-our-volume', exitCode: 3 }
  await t.rejects(assertOwnVolume(target({ Driver: 'local' }, [own, {}]), plan, tree, id), refused)
  await t.rejects(
    assertOwnVolume(target({ Driver: 'local', Options: { o: 'bind' } }, [own]), plan, tree, id),
    refused,
  )
  await t.rejects(assertOwnVolume(target({ Driver: 'nfs' }, [own]), plan, tree, id), refused)
  await t.rejects(assertOwnVolume(target({ Driver: 'local' }, [own]), plan, tree, 'prod-db'), refused)
})
