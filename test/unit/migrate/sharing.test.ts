import t from 'tap'
import { sharersOf } from '../../../src/migrate/checks/sharing.ts'
import type { ContainerSummary } from '../../../src/model/documents.ts'
import type { Manifest, ManifestMount } from '../../../src/model/manifest.ts'

const moved = (...mounts: Partial<ManifestMount>[]) => [{ name: 'db', id: '1', mounts } as Manifest]
const other = (mount: object, State = 'running') =>
  [{ Id: '2', Names: ['/web'], State, Mounts: [mount] }] as ContainerSummary[]
const bind = (Source: string, RW = true) => ({ Type: 'bind', Source, Destination: '/x', RW })
const asIs = (path: string) => path

t.test('host directories overlap when one lies in the other', async (t) => {
  const db = moved({ kind: 'bind', source: '/srv/db' })
  const found = (Source: string) => sharersOf(db, other(bind(Source)), 'copy', asIs)
  for (const path of ['/srv/db', '/srv', '/srv/db/deep'])
    t.match(found(path), [{ writes: true, other: 'web' }])
  for (const path of ['/srv/db2', '/srv/d', '/var']) t.strictSame(found(path), [], path)
  t.match(found('/'), [{ writes: false }])
  t.strictSame(sharersOf(db, other(bind('/srv/db')), 'keep', asIs), [], 'nothing is copied')
})

t.test('who does not run or only reads does not write; who is being restarted does', async (t) => {
  const db = moved({ kind: 'volume', source: 'data' })
  const volume = { Type: 'volume', Name: 'data', Source: '', Destination: '/x' }
  const writes = (mount: object, state?: string) =>
    sharersOf(db, other(mount, state), 'fail', undefined)[0]?.writes
  t.equal(writes({ ...volume, RW: true }), true)
  t.equal(writes({ ...volume, RW: true }, 'restarting'), true)
  t.equal(writes({ ...volume, RW: true }, 'exited'), false)
  t.equal(writes({ ...volume, RW: false }), false)
})
