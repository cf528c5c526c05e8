import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { serverExtensions } from '../../../src/lab/certificates.ts'
import { contextDirectory, removeContext, writeContext } from '../../../src/lab/contexts.ts'
import { chooseMirror, parseIndexTargets } from '../../../src/lab/debian-mirror.ts'
import { knownHostLine, sshConfig } from '../../../src/lab/ssh-files.ts'
import { isDebianLike, packagesFor } from '../../../src/lab/system-packages.ts'
import { readJson, writeFileAtomically } from '../../../src/platform/files.ts'

t.test('Docker contexts', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-contexts-'))
  process.env.DOCKER_CONFIG = directory
  t.teardown(async () => {
    delete process.env.DOCKER_CONFIG
    await rm(directory, { recursive: true })
  })
  const file = join(contextDirectory('wherry-alpha'), 'meta.json')

  await t.test('are written as the Docker CLI’s store has them', async (t) => {
    // The SHA-256 of `wherry-alpha` names the directory.
    const id = 'e6f117f84117997772e14f3a3cec6979da6a8610d46dc11f6e16de918a6e6588'
    t.equal(contextDirectory('wherry-alpha'), join(directory, 'contexts', 'meta', id))
    await writeContext('wherry-alpha', 'unix:///tmp/a.sock')
    t.match(await readJson(file), {
      Name: 'wherry-alpha',
      Endpoints: { docker: { Host: 'unix:///tmp/a.sock', SkipTLSVerify: false } },
    })
  })
  await t.test('are replaced and removed where they are the lab’s', async (t) => {
    await writeContext('wherry-alpha', 'unix:///tmp/b.sock')
    t.match(await readJson(file), { Endpoints: { docker: { Host: 'unix:///tmp/b.sock' } } })
    await removeContext('wherry-alpha')
    t.equal(await readJson(file), undefined)
    await removeContext('wherry-alpha')
  })
  await t.test('of somebody else are neither replaced nor removed', async (t) => {
    const theirs = { Name: 'wherry-alpha', Metadata: {}, Endpoints: { docker: { Host: 'ssh://a' } } }
    await writeFileAtomically(file, JSON.stringify(theirs))
    await t.rejects(writeContext('wherry-alpha', 'unix:///tmp/a.sock'), { code: 'lab-context-taken' })
    await removeContext('wherry-alpha')
    t.same(await readJson(file), theirs)
  })
})

t.test('the Debian mirror is the archive among a machine’s sources', async (t) => {
  const output = [
    'http://security.example/debian-security/ bookworm-security Debian',
    'http://third.example/debian/ nodistro Somebody',
    'http://mirror.example/debian/ bookworm-updates Debian',
    'http://mirror.example/debian/ bookworm Debian',
    '',
  ].join('\n')
  t.equal(chooseMirror(parseIndexTargets(output)), 'http://mirror.example/debian')
})

t.test('before the first apt-get update the address itself must do', async (t) => {
  const sources = parseIndexTargets('http://mirror.example/debian/ bookworm \nhttp://x.example/other stable ')
  t.equal(chooseMirror(sources), 'http://mirror.example/debian')
  t.equal(chooseMirror(parseIndexTargets('http://x.example/ubuntu noble Ubuntu')), undefined)
})

t.test('ssh configuration uses nothing of the user’s own', async (t) => {
  const config = sshConfig('/state/lab/ssh', { alpha: 4001, beta: 4002 })
  t.match(config, /Host wherry-alpha\n {2}HostName 127\.0\.0\.1\n {2}Port 4001\n/)
  t.match(config, /Host wherry-beta\n {2}HostName 127\.0\.0\.1\n {2}Port 4002\n/)
  for (const line of ['IdentitiesOnly yes', 'IdentityAgent none', 'StrictHostKeyChecking yes'])
    t.match(config, line)
  t.equal(knownHostLine('beta', 'ssh-ed25519 AAAA comment\n'), 'wherry-beta ssh-ed25519 AAAA\n')
})

t.test('a server certificate is valid from this machine and from the other engine', async (t) => {
  t.match(
    serverExtensions('alpha', '10.0.0.11'),
    'subjectAltName = DNS:localhost,DNS:wherry-alpha,IP:127.0.0.1,IP:10.0.0.11\n',
  )
})

t.test('only what is missing is installed', async (t) => {
  t.same(packagesFor(['docker', 'dockerd', 'iptables'], new Set(['iptables'])), ['docker.io'])
  t.same(packagesFor(['openssl'], new Set(['openssl'])), [])
})

t.test('Debian and its descendants are recognised', async (t) => {
  t.ok(isDebianLike('NAME="x"\nID=debian\n'))
  t.ok(isDebianLike('ID=linuxmint\nID_LIKE="ubuntu debian"\n'))
  t.notOk(isDebianLike('ID=fedora\nID_LIKE="rhel"\nHOME_URL=debian\n'))
})
