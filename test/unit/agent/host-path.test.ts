import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { resolveHostPath } from '../../../src/agent/host-path.ts'
import { probe } from '../../../src/agent/probe.ts'

const root = mkdtempSync(join(tmpdir(), 'wherry-host-'))
t.teardown(() => rmSync(root, { recursive: true }))
mkdirSync(join(root, 'mnt/disk/app'), { recursive: true })
mkdirSync(join(root, 'run/daemon'), { recursive: true })
mkdirSync(join(root, 'var'))
writeFileSync(join(root, 'mnt/disk/app/file'), 'x')
symlinkSync('/mnt/disk', join(root, 'data'))
symlinkSync('/data/app', join(root, 'app'))
symlinkSync('../run', join(root, 'var/run'))
symlinkSync('../../../mnt', join(root, 'upwards'))
symlinkSync('/not/mounted', join(root, 'dangling'))
symlinkSync('/loop', join(root, 'loop'))

const kindOf = (path: string) => {
  const found = probe({ root, exist: [path] }).paths[0]
  return [found?.kind, found?.real, found?.isEmpty]
}

t.test('absolute symlinks are followed within the host, not within the agent', async (t) => {
  t.strictSame(kindOf('/data/app'), ['directory', '/mnt/disk/app', false])
  t.strictSame(kindOf('/app/file'), ['file', '/mnt/disk/app/file', undefined])
  t.strictSame(kindOf('/var/run/daemon'), ['directory', '/run/daemon', true])
  t.strictSame(kindOf('/upwards/disk/app'), ['directory', '/mnt/disk/app', false], 'never above the root')
  t.strictSame(kindOf('/'), ['directory', '/', false])
})

t.test('what is missing is told from what can never be made', async (t) => {
  t.strictSame(kindOf('/data/new/deeper'), ['missing', '/mnt/disk/new/deeper', undefined])
  t.strictSame(resolveHostPath(root, '/data/new/deeper').missing, ['new', 'deeper'])
  for (const path of ['/dangling', '/dangling/app', '/loop', '/app/file/below']) {
    t.equal(kindOf(path)[0], 'dead-end', path)
  }
})
