import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { connectEngine } from '../../src/engine/connect.ts'
import type { WherryError } from '../../src/model/errors.ts'
import { run } from '../../src/platform/process.ts'
import { image } from './harness/configurations.ts'
import { clear, docker, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
const { alphaFacts: alpha, betaFacts: beta } = lab
await ensureWorkloadImage()

const ways: [string, string, Record<string, string>][] = [
  ['a Docker context', alpha.context, {}],
  ['a unix socket', alpha.unix, {}],
  ['ssh', alpha.ssh, { WHERRY_SSH_COMMAND: alpha.sshCommand }],
  ['TCP with TLS', alpha.tcp, { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: alpha.tlsDirectory }],
]

for (const [way, from, env] of ways) {
  t.test(`an engine is reached by ${way}`, async (t) => {
    t.teardown(() => clear(lab))
    await docker('alpha', 'run', '-d', '--name', 't-here', '--hostname', 'here', image)
    const ended = await wherry(['inspect', 't-here', '--from', from, '--json'], env)
    t.equal(ended.exitCode, 0, ended.stderr)
    t.equal(ended.json.manifest.config.Hostname, 'here')
  })
}

t.test('DOCKER_HOST and DOCKER_CONTEXT say where from, as for the Docker CLI', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'run', '-d', '--name', 't-here', image)
  const environments: Record<string, string>[] = [
    { DOCKER_HOST: alpha.unix },
    { DOCKER_CONTEXT: alpha.context },
  ]
  for (const env of environments) {
    t.equal((await wherry(['inspect', 't-here', '--json'], env)).exitCode, 0)
  }
  const elsewhere = await wherry(['inspect', 't-here', '--json'], {
    DOCKER_HOST: beta.unix,
    DOCKER_CONTEXT: alpha.context,
  })
  t.equal(elsewhere.json.error.code, 'unknown-container', 'DOCKER_HOST goes first')
})

t.test('both engines over ssh: data finds its way', async (t) => {
  t.teardown(() => clear(lab))
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    't-far',
    '-v',
    't-far:/data',
    image,
    'sh',
    '-c',
    'echo kept > /data/file; trap "exit 0" TERM; while :; do sleep 0.1; done',
  )
  for (const path of ['direct', 'relay']) {
    const [from, to] = path === 'direct' ? [alpha, beta] : [beta, alpha]
    const moved = await wherry(
      ['migrate', 't-far', '--from', from.ssh, '--to', to.ssh, '--path', path, '--json'],
      { WHERRY_SSH_COMMAND: alpha.sshCommand },
    )
    t.equal(moved.exitCode, 0, moved.stdout + moved.stderr)
    t.equal(moved.json.path, path)
    t.equal(await docker(to.name, 'exec', 't-far', 'cat', '/data/file'), 'kept')
    await docker(from.name, 'rm', '-f', 't-far')
    await docker(from.name, 'volume', 'rm', 't-far')
  }
})

t.test('an engine that cannot be used: exit 7, one line why, one line what to do', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-test-'))
  t.teardown(() => rm(directory, { recursive: true }))
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=other',
    '-keyout',
    join(directory, 'key.pem'),
    '-out',
    join(directory, 'ca.pem'),
  ])
  const cases: [string, string, RegExp, Record<string, string>][] = [
    [
      'unix:///nowhere/docker.sock',
      'engine-not-running',
      /there is no socket at \/nowhere\/docker\.sock/,
      {},
    ],
    ['tcp://127.0.0.1:1', 'engine-refused', /connection refused/, {}],
    ['no-such-context', 'unknown-context', /no Docker context named "no-such-context"/, {}],
    [
      'tcp://no-such-host.invalid:2376',
      'engine-unknown-host',
      /host name no-such-host\.invalid is not known/,
      {},
    ],
    [alpha.tcp, 'engine-certificate', /it wants TLS/, {}],
    [
      alpha.tcp,
      'engine-certificate',
      /certificates do not fit/,
      { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: directory },
    ],
    ['ssh://nobody@no-such-host.invalid', 'ssh-failed', /ssh could not log in to no-such-host\.invalid/, {}],
    [
      alpha.ssh,
      'ssh-failed',
      /ssh could not log in/,
      {
        WHERRY_SSH_COMMAND: `${alpha.sshCommand} -o IdentityFile=none -o IdentitiesOnly=yes -o IdentityAgent=none -o UserKnownHostsFile=/dev/null`,
      },
    ],
  ]
  for (const [from, code, says, env] of cases) {
    const ended = await wherry(['inspect', 't-here', '--from', from, '--json'], env)
    t.equal(ended.exitCode, 7, `${from}: ${ended.stdout}${ended.stderr}`)
    t.equal(ended.json.error.code, code, from)
    t.match(ended.json.error.message, says)
    t.notMatch(ended.json.error.message, /\n/, 'one line')
    t.ok(ended.json.error.suggestions.length > 0, 'and what to do')
  }
})

t.test('no permission on the socket is told apart', async (t) => {
  // The tests run as root, to whom everything is allowed. Spelled like this the socket shares no connection that is open already.
  process.setegid?.(65534)
  process.seteuid?.(65534)
  const error = await connectEngine(alpha.unix.replace('/docker.sock', '//docker.sock')).then(
    () => undefined,
    (thrown: WherryError) => thrown,
  )
  process.seteuid?.(0)
  process.setegid?.(0)
  t.match(error, { code: 'engine-not-allowed', exitCode: 7 })
  t.match(error?.message, /no permission on the socket/)
})
