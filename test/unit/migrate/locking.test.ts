import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { plannedFor } from '../../../src/migrate/locking.ts'
import type { Manifest } from '../../../src/model/manifest.ts'

const manifest = {
  id: 'i',
  name: 'db',
  image: { id: 'sha256:1', repoDigests: [] },
  config: { Image: 'db', Env: ['A=1'] },
  hostConfig: { NetworkMode: 'app' },
  mounts: [],
  endpoints: [{ network: 'app', asked: { aliases: [] }, actual: { ipv4: '10.0.0.2' } }],
  networks: [{ Id: 'n', Name: 'app', Containers: {} }],
  state: { running: true, startedAt: 'then' },
} as unknown as Manifest

function isSame(change: Partial<Record<keyof Manifest, unknown>>): boolean {
  return isDeepStrictEqual(plannedFor({ ...manifest, ...change } as Manifest), plannedFor(manifest))
}

t.test('what others do on its networks, and the passing of time, is no change of a container', async (t) => {
  t.ok(isSame({ networks: [{ Id: 'n', Name: 'app', Containers: { other: {} } }] }))
  t.ok(isSame({ state: { running: true, startedAt: 'now' } }))
})

t.test('what a plan depends on is', async (t) => {
  t.notOk(isSame({ config: { Image: 'db', Env: ['A=2'] } }))
  t.notOk(isSame({ state: { running: false } }))
  t.notOk(isSame({ networks: [{ Id: 'made-anew', Name: 'app' }] }))
  t.notOk(isSame({ image: { id: 'sha256:2' } }))
  t.notOk(isSame({ endpoints: [{ network: 'app', asked: { aliases: ['db'] } }] }))
})
