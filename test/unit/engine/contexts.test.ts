import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { resolveEngine } from '../../../src/engine/address.ts'

const config = await mkdtemp(join(tmpdir(), 'wherry-unit-'))
process.env.DOCKER_CONFIG = config
for (const name of ['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH'])
  delete process.env[name]

async function addContext(name: string, host: string, pem?: string): Promise<void> {
  const id = createHash('sha256').update(name).digest('hex')
  await mkdir(join(config, 'contexts', 'meta', id), { recursive: true })
  await writeFile(
    join(config, 'contexts', 'meta', id, 'meta.json'),
    JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker: { Host: host } } }),
  )
  if (!pem) return
  await mkdir(join(config, 'contexts', 'tls', id, 'docker'), { recursive: true })
  await writeFile(join(config, 'contexts', 'tls', id, 'docker', 'ca.pem'), pem)
}

await addContext('prod', 'ssh://admin@prod:2222')
await addContext('tls', 'tcp://engine:2376', 'PEM')

t.test('contexts are read as the Docker CLI writes them', async (t) => {
  t.match(await resolveEngine('prod'), {
    name: 'prod',
    url: { protocol: 'ssh:', hostname: 'prod', port: '2222', username: 'admin' },
  })
  const tls = await resolveEngine('tls')
  t.equal(tls.tls?.ca?.toString(), 'PEM')
  t.equal(tls.tls?.skipVerify, undefined)
})

t.test(
  'without a name: DOCKER_HOST, then DOCKER_CONTEXT, then the current context, then the socket',
  async (t) => {
    t.equal((await resolveEngine()).url.href, 'unix:///var/run/docker.sock')
    await writeFile(join(config, 'config.json'), JSON.stringify({ currentContext: 'tls' }))
    t.equal((await resolveEngine()).name, 'tls')
    process.env.DOCKER_CONTEXT = 'prod'
    t.equal((await resolveEngine()).name, 'prod')
    process.env.DOCKER_HOST = 'unix:///other.sock'
    t.equal((await resolveEngine()).url.pathname, '/other.sock')
    delete process.env.DOCKER_HOST
    delete process.env.DOCKER_CONTEXT
  },
)

t.test('what is neither a context nor a URL is said to be so', async (t) => {
  await t.rejects(resolveEngine('nowhere'), {
    code: 'unknown-context',
    suggestions: [/default, prod, tls/, /docker context create nowhere/],
  })
  await t.rejects(resolveEngine('gopher://x'), { code: 'bad-engine-url' })
})
