import t from 'tap'
import type { Manifest } from '../../../src/model/manifest.ts'
import { redactEnvironment, withVariables } from '../../../src/snapshot/redact.ts'

const manifest = (name: string, Env: string[]) => ({ name, config: { Env } }) as unknown as Manifest

t.test('values of matching variables are left out, whatever the case', async (t) => {
  const manifests = [
    manifest('db', ['DB_PASSWORD=x=y', 'PATH=/bin', 'API.KEY=k']),
    manifest('web', ['PASSWORDS=1']),
  ]
  const { manifests: kept, redacted } = redactEnvironment(manifests, ['*password', 'api.key'])
  t.same(
    kept.map(({ config }) => config.Env),
    [['PATH=/bin'], ['PASSWORDS=1']],
  )
  t.same(redacted, [
    { container: 'db', variable: 'DB_PASSWORD' },
    { container: 'db', variable: 'API.KEY' },
  ])
  t.same(manifests[0]?.config.Env?.length, 3, 'what was given stays as it was')
  t.same(redactEnvironment(manifests, []).redacted, [])
})

t.test('values are put in again, and every one that is missing is named', async (t) => {
  const manifests = [manifest('db', ['A=1']), manifest('web', [])]
  const redacted = [
    { container: 'db', variable: 'SECRET' },
    { container: 'web', variable: 'SECRET' },
  ]
  const given = [
    { variable: 'SECRET', value: 'all' },
    { container: 'web', variable: 'SECRET', value: 'a=b' },
  ]
  t.same(
    withVariables(manifests, redacted, given).map(({ config }) => config.Env),
    [['A=1', 'SECRET=all'], ['SECRET=a=b']],
  )
  t.throws(() => withVariables(manifests, redacted, given.slice(1)), {
    code: 'variables-missing',
    exitCode: 3,
    message: /SECRET \(db\)/,
  })
  t.same(
    withVariables(manifests.slice(1), redacted, given.slice(1)).length,
    1,
    'of containers that are left out none',
  )
})
