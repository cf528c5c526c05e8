import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  statfs,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { DirectoryRepository } from '../../src/snapshot/repository/directory.ts'
import { RegistryRepository } from '../../src/snapshot/repository/registry.ts'
import { must, unpackedProgram } from './harness/debian.ts'
import { makeSnapshot } from './harness/made-snapshot.ts'
import { login, makeCertificates, TestRegistry } from './harness/registry.ts'
import { TokenServer } from './harness/tokens.ts'
import { type Seen, Watched } from './harness/watched.ts'
import { type Ended, program, wherry } from './harness/wherry.ts'

type Asserts = Pick<typeof t, 'ok'>

const mebibyte = 1 << 20
/** In memory where there is room: what is tested does not depend on how long this machine's disk takes. */
const roomy = await statfs('/dev/shm').then(
  ({ bavail, bsize }) => bavail * bsize > 4096 * mebibyte,
  () => false,
)
const base = await mkdtemp(join(roomy ? '/dev/shm' : tmpdir(), 'wherry-registry-'))
const at = (...names: string[]) => join(base, ...names)
for (const name of ['XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'DOCKER_CONFIG']) process.env[name] = at(name)
const certificates = await makeCertificates(at('certificates'))
const tokens = await TokenServer.start(certificates)
const locked = await TestRegistry.start({ directory: at('locked'), certificates, auth: 'htpasswd' })
const guarded = await TestRegistry.start({ directory: at('guarded'), certificates, auth: tokens.auth })
const open = await TestRegistry.start({ directory: at('open') })
const watched = await Watched.before(open.port)
t.teardown(async () => {
  for (const registry of [locked, guarded, open]) await registry.stop()
  watched.close()
  tokens.close()
  await rm(base, { recursive: true, force: true })
})

const repo = at('repo')
const directory = await DirectoryRepository.openOrCreate(repo)
/** One full pack and another. */
const large = await makeSnapshot(directory, 44 * mebibyte)
const { id } = large
/** Shares no pack with the first. */
const small = await makeSnapshot(directory, 3 * mebibyte, 'other')

/** What Docker's configuration says of logins. */
async function configure(config: unknown): Promise<void> {
  await mkdir(at('DOCKER_CONFIG'), { recursive: true })
  await writeFile(at('DOCKER_CONFIG', 'config.json'), JSON.stringify(config))
}

function auths(host: string, { username, password } = login) {
  return { auths: { [host]: { auth: Buffer.from(`${username}:${password}`).toString('base64') } } }
}

function push(snapshot: string, to: string, env: Record<string, string> = {}, ...flags: string[]) {
  return wherry(['snapshot', 'push', snapshot, to, '--repo', repo, '--json', ...flags], env)
}

function pull(from: string, to: string, env: Record<string, string> = {}): Promise<Ended> {
  return wherry(['snapshot', 'pull', from, '--repo', to, '--json'], env)
}

const trusting = { SSL_CERT_FILE: certificates.ca }

t.test('a registry that cannot be used is said to be so, with what to do', async (t) => {
  const to = `${locked.host}/backup/shop`
  t.match(await push(id, to), {
    exitCode: 7,
    json: { error: { code: 'registry-certificate', suggestions: [/certs\.d/] } },
  })
  t.match(await push(id, to, trusting), {
    exitCode: 7,
    json: { error: { code: 'registry-login', suggestions: [`Log in: docker login ${locked.host}`] } },
  })
  await configure(auths(locked.host, { username: 'keeper', password: 'wrong password' }))
  const denied = await push(id, to, trusting)
  t.match(denied, { exitCode: 7, json: { error: { code: 'registry-denied' } } })
  t.notMatch(denied.stdout + denied.stderr, /wrong password/)
  t.match(await push(id, 'localhost:1/backup/shop'), {
    exitCode: 7,
    json: { error: { code: 'registry-refused', message: /^Registry localhost:1: connection refused\.$/ } },
  })
  t.match(await push(id, 'nowhere.invalid/backup/shop'), {
    exitCode: 7,
    json: { error: { code: 'registry-unknown-host' } },
  })
})

t.test('a snapshot goes to a registry with TLS and a login, and comes back the same', async (t) => {
  // As Docker trusts it, for one user.
  const trusted = at('XDG_CONFIG_HOME', 'docker', 'certs.d', locked.host)
  await mkdir(trusted, { recursive: true })
  await writeFile(join(trusted, 'ca.crt'), await readFile(certificates.ca))
  await configure(auths(locked.host))
  const to = `${locked.host}/backup/shop`
  const first = await push(id.slice(0, 6), `${to}:nightly`)
  t.match(first, {
    exitCode: 0,
    json: { id, tags: [id, 'nightly'], copied: { blobs: 4 }, present: { blobs: 0, bytes: 0 } },
  })
  t.match((await push(id, `${to}:nightly`)).json, { copied: { blobs: 0, bytes: 0 }, present: { blobs: 4 } })

  t.match((await pull(`${to}:nightly`, at('copy'))).json, { id, copied: { blobs: 4 } })
  t.match((await pull(`${to}:${id}`, at('copy'))).json, { copied: { blobs: 0, bytes: 0 } })
  await sameBlobs(t, repo, at('copy'), id)
  t.match(await pull(`${to}:ffffffffffff`, at('copy')), {
    exitCode: 3,
    json: { error: { code: 'unknown-snapshot' } },
  })
  t.match(await pull(to, at('copy')), { exitCode: 2, json: { error: { code: 'no-tag' } } })
})

t.test('a tag that names another snapshot stays, unless it is taken away by force', async (t) => {
  const to = `${locked.host}/backup/shop:nightly`
  const taken = await push(small.id, to)
  t.match(taken, { exitCode: 3, json: { error: { code: 'tag-taken', data: { snapshot: id } } } })
  t.match(taken.json.error.message, new RegExp(`is snapshot ${id} of shop already`))
  t.match((await push(small.id, to, {}, '--force')).json, { tags: [small.id, 'nightly'] })
  t.match((await pull(to, at('forced'))).json, { id: small.id })
  t.match((await pull(`${locked.host}/backup/shop:${id}`, at('copy'))).json, { id }, 'nothing was lost')
  t.match(await push(small.id, `${locked.host}/backup/shop:${id}`), {
    exitCode: 3,
    json: { error: { code: 'tag-is-an-id' } },
  })
})

t.test('whoever loses a tag to somebody quicker is told, and has lost nothing', async (t) => {
  const to = `${watched.host}/raced/shop`
  const theirs = await directory.readManifestContent(large)
  watched.instead = ({ method, url }, response) => {
    const isLate = watched.seen.some(
      (seen) => seen.method === 'PUT' && seen.path.endsWith('/manifests/nightly'),
    )
    if (method !== 'GET' || !url?.endsWith('/manifests/nightly') || !isLate) return false
    response.end(theirs)
    return true
  }
  t.match(await push(small.id, `${to}:nightly`), {
    exitCode: 6,
    json: { error: { code: 'tag-lost', message: new RegExp(`it is snapshot ${id} of shop`) } },
  })
  watched.instead = undefined
  t.match((await pull(`${to}:${small.id}`, at('raced'))).json, { id: small.id })
})

t.test('logins are where Docker keeps them: in a helper, for a token service as well', async (t) => {
  const to = `${guarded.host}/backup/shop`
  await configure({})
  t.match(await push(small.id, to, trusting), { exitCode: 7, json: { error: { code: 'registry-login' } } })
  await configure(auths(guarded.host))
  t.match(await push(small.id, to, trusting), { exitCode: 0, json: { copied: { blobs: 3 } } })
  t.ok(tokens.asked.includes('repository:backup/shop:pull,push'))

  const helper = at('docker-credential-kept')
  const secret = JSON.stringify({ ServerURL: guarded.host, Username: '<token>', Secret: 'kept for long' })
  const script = `#!/bin/sh\nread host; [ "$1 $host" = "get ${guarded.host}" ] && echo '${secret}'\n`
  await writeFile(helper, script)
  await chmod(helper, 0o755)
  await configure({ auths: { [guarded.host]: {} }, credsStore: 'kept' })
  const env = { ...trusting, PATH: `${base}${delimiter}${process.env.PATH}` }
  t.match(await pull(`${to}:${small.id}`, at('tokens'), env), { exitCode: 0, json: { id: small.id } })
  const broken = await pull(`${to}:${small.id}`, at('tokens'), trusting)
  t.match(broken, { exitCode: 7, json: { error: { code: 'credentials-not-readable' } } })
})

t.test('a repository may be in a registry itself', async (t) => {
  await configure({})
  const there = new RegistryRepository({ host: open.host, name: 'made/there' })
  const first = await makeSnapshot(there, 40 * mebibyte)
  const second = await makeSnapshot(there, mebibyte)
  t.strictSame(
    (await there.list()).map((snapshot) => snapshot.id),
    [second.id, first.id],
  )
  await there.unlist([second])
  t.strictSame(
    (await there.list()).map((snapshot) => snapshot.id),
    [first.id],
  )
  t.match((await pull(`${open.host}/made/there:${first.id}`, at('made'))).json, { copied: { blobs: 4 } })
  await sameDigests(t, at('made'))
})

t.test('a push that is killed does not send what is there', async (t) => {
  const to = `${watched.host}/killed/push`
  watched.seen.length = 0
  watched.bytesPerSecond = 40 * mebibyte
  const child = start(['snapshot', 'push', id, to, '--repo', repo])
  await until(() => watched.seen.some(isFinished))
  await kill(child)
  const there = bytesOf(({ path, method, status }) => {
    const upload = path.split('?')[0]
    const finished = watched.seen.some((seen) => isFinished(seen) && seen.path.startsWith(upload ?? ''))
    return finished && ['PATCH', 'PUT'].includes(method) && [201, 202].includes(status)
  })
  watched.bytesPerSecond = 0
  watched.seen.length = 0
  t.match(await push(id, to), { exitCode: 0 })
  const { size } = await layoutSize(id)
  t.comment(`${there} of ${size} bytes were there, ${watched.sent} were sent then`)
  t.ok(watched.sent <= size - there + 4096, 'no blob that was there is sent again')
  t.match((await pull(`${to}:${id}`, at('killed-push'))).json, { copied: { blobs: 4 } })
  await sameDigests(t, at('killed-push'))
})

t.test('a push that is interrupted goes on in the middle of a blob', async (t) => {
  const to = `${watched.host}/interrupted/push`
  watched.bytesPerSecond = 20 * mebibyte
  watched.seen.length = 0
  const child = start(['snapshot', 'push', id, to, '--repo', repo])
  await until(() => watched.seen.some(isPatched))
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  t.strictSame(await ended, [130, null])
  const there = bytesOf(isPatched)
  watched.bytesPerSecond = 0
  watched.seen.length = 0
  t.match(await push(id, to), { exitCode: 0 })
  const { size } = await layoutSize(id)
  t.comment(`${there} of ${size} bytes were there, ${watched.sent} were sent then`)
  t.ok(there >= 8 * mebibyte && watched.sent <= size - there + 4096, 'no piece that was there is sent again')
  t.match((await pull(`${to}:${id}`, at('interrupted'))).json, { copied: { blobs: 4 } })
  await sameDigests(t, at('interrupted'))
})

t.test('a registry that dies in the middle of a push is waited for', async (t) => {
  watched.bytesPerSecond = 40 * mebibyte
  watched.seen.length = 0
  const pushed = push(id, `${watched.host}/died/push`)
  await until(() => watched.seen.some(isPatched))
  await open.stop()
  watched.cut()
  await sleep(300)
  await open.start()
  watched.bytesPerSecond = 0
  t.match(await pushed, { exitCode: 0 })
  t.match((await pull(`${open.host}/died/push:${id}`, at('died'))).json, { copied: { blobs: 4 } })
  await sameDigests(t, at('died'))
})

t.test('a pull that is killed goes on where it was', async (t) => {
  const from = `${watched.host}/killed/push:${id}`
  const to = at('killed-pull')
  watched.seen.length = 0
  watched.bytesPerSecond = 40 * mebibyte
  const child = start(['snapshot', 'pull', from, '--repo', to])
  await until(() => watched.received > 20 * mebibyte)
  await kill(child)
  const kept = await bytesIn(to)
  t.ok(kept > 8 * mebibyte, `${kept} bytes were kept`)
  t.strictSame(await DirectoryRepository.open(to).then((opened) => opened.list()), [], 'and no snapshot')
  watched.bytesPerSecond = 0
  watched.seen.length = 0
  t.match(await pull(from, to), { exitCode: 0 })
  const { size } = await layoutSize(id)
  t.comment(`${kept} of ${size} bytes were there, ${watched.received} were fetched then`)
  t.ok(watched.received <= size - kept + 8192, 'nothing that was there is fetched again')
  await sameBlobs(t, repo, to, id)
  t.strictSame(await readdir(join(to, 'wherry', 'incoming')), [])
})

t.test('skopeo copies a snapshot between a layout, a registry and an archive', async (t) => {
  const skopeo = await unpackedProgram('skopeo')
  const policy = at('policy.json')
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }))
  const copy = (...args: string[]) =>
    must(skopeo.path, ['--policy', policy, 'copy', ...args], undefined, skopeo.env)
  const there = `docker://${open.host}/by/skopeo:${small.id}`
  await copy('--dest-tls-verify=false', `oci:${repo}:${small.id}`, there)
  t.match((await pull(`${open.host}/by/skopeo:${small.id}`, at('from-skopeo'))).json, { id: small.id })
  await sameBlobs(t, repo, at('from-skopeo'), small.id)

  await copy('--src-tls-verify=false', there, `oci:${at('by-skopeo')}:any`)
  const listed = await DirectoryRepository.open(at('by-skopeo')).then((opened) => opened.list())
  t.match(listed, [{ id: small.id, title: 'other' }], 'wherry reads the layout that it made')
  await copy(`oci:${at('by-skopeo')}:any`, `oci-archive:${at('by-skopeo.tar')}:any`)
  t.match(
    (await wherry(['snapshot', 'import', at('by-skopeo.tar'), '--repo', at('imported'), '--json'])).json,
    {
      snapshots: [{ id: small.id, isNew: true }],
    },
  )
  await sameBlobs(t, repo, at('imported'), small.id)
  await must('sh', [
    '-c',
    `${process.execPath} ${program} snapshot export ${small.id} --repo ${repo} > ${at('ours.tar')}`,
  ])
  await copy(
    '--dest-tls-verify=false',
    `oci-archive:${at('ours.tar')}:${small.id}`,
    `docker://${open.host}/by/archive:x`,
  )
  t.match((await pull(`${open.host}/by/archive:x`, at('from-archive'))).json, { id: small.id })
})

t.test('an archive goes through a pipe', async (t) => {
  const commands = `${process.execPath} ${program} snapshot`
  const piped = `set -o pipefail; ${commands} export ${small.id} --repo ${repo} | ${commands} import - --repo ${at('piped')} --json`
  const said = await must('bash', ['-c', piped])
  t.match(JSON.parse(said), { snapshots: [{ id: small.id, title: 'other', isNew: true }] })
  await sameBlobs(t, repo, at('piped'), small.id)
  const again = JSON.parse(await must('bash', ['-c', piped]))
  t.match(again, { snapshots: [{ id: small.id, isNew: false }], bytesStored: 0 })

  const cut = `${commands} export ${small.id} --repo ${repo} | head -c 2000000 | ${commands} import - --repo ${at('cut')} --json`
  const ended = await must('bash', ['-c', `${cut}; true`])
  t.match(JSON.parse(ended), { error: { code: 'not-verified', exitCode: 8, message: /cut short/ } })
  t.strictSame(await DirectoryRepository.open(at('cut')).then((opened) => opened.list()), [])
  t.match(await wherry(['snapshot', 'export', small.id, '--repo', repo, '--json']), { exitCode: 2 })
})

t.test('what a crash or somebody else has damaged does not become a blob', async (t) => {
  const copy = at('damaged')
  const from = `${watched.host}/killed/push:${id}`
  const packs = (await layoutSize(id)).digests
  await DirectoryRepository.openOrCreate(copy)
  // As if a run had left it: longer than nothing, and wrong.
  const part = join(copy, 'wherry', 'incoming', `blob-${packs[1]?.slice(7)}`)
  await writeFile(part, Buffer.alloc(5000))
  t.match(await pull(from, copy), { exitCode: 0 })
  await sameDigests(t, copy)

  const stored = join(base, 'open', 'data', 'docker', 'registry', 'v2', 'blobs', 'sha256')
  const hex = packs[1]?.slice(7) ?? ''
  const data = join(stored, hex.slice(0, 2), hex, 'data')
  const content = await readFile(data)
  content[1000] = (content[1000] ?? 0) ^ 1
  await writeFile(data, content)
  const wrong = await pull(from, at('wrong'))
  t.match(wrong, { exitCode: 8, json: { error: { code: 'not-verified', message: new RegExp(hex) } } })
  t.strictSame(await DirectoryRepository.open(at('wrong')).then((opened) => opened.list()), [])
  await truncate(data, 1000)
  t.match(await pull(from, at('short')), { exitCode: 8 })
})

function start(args: string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args], { stdio: 'ignore' })
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

async function until(holds: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (holds()) return
    await sleep(25)
  }
  throw new Error('that did not come about in 10 s')
}

function isPatched({ method, status }: Seen): boolean {
  return method === 'PATCH' && status === 202
}

/** The end of a large blob's upload. */
function isFinished({ method, path, sent, status }: Seen): boolean {
  return method === 'PUT' && status === 201 && path.includes('/uploads/') && sent === 0
}

function bytesOf(which: (seen: Seen) => boolean): number {
  return watched.seen.filter(which).reduce((sum, { sent }) => sum + sent, 0)
}

/** Everything that a snapshot consists of, without its manifest. */
async function layoutSize(snapshot: string): Promise<{ size: number; digests: string[] }> {
  const listed = (await directory.list()).find((other) => other.id === snapshot)
  if (!listed) throw new Error(`no snapshot ${snapshot}`)
  const { config, layers } = await directory.readManifest(listed)
  const all = [config, ...layers]
  return { size: all.reduce((sum, { size }) => sum + size, 0), digests: all.map(({ digest }) => digest) }
}

/** Whole blobs and those under way. */
async function bytesIn(path: string): Promise<number> {
  let bytes = 0
  for (const place of [join(path, 'blobs', 'sha256'), join(path, 'wherry', 'incoming')]) {
    for (const name of await readdir(place)) {
      if (!name.endsWith('.lock')) bytes += (await stat(join(place, name))).size
    }
  }
  return bytes
}

/** By a program that shares no code with ours: every blob is what its name says. */
async function sameDigests(t: Asserts, path: string): Promise<void> {
  const script =
    'cd "$1/blobs/sha256" && for f in *; do echo "$f  $f"; done | sha256sum -c --quiet && ls | wc -l'
  const count = Number(await must('sh', ['-c', script, 'sh', path]))
  t.ok(count >= 4, `${count} blobs are what their names say`)
}

async function sameBlobs(t: Asserts, from: string, to: string, snapshot: string): Promise<void> {
  const { digests } = await layoutSize(snapshot)
  for (const digest of digests) {
    const name = join('blobs', 'sha256', digest.slice(7))
    await must('cmp', [join(from, name), join(to, name)])
  }
  await sameDigests(t, to)
}
