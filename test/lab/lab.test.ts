import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ensureLabImage } from '../../src/lab/images.ts'
import { answers } from '../../src/lab/ping.ts'
import { labPlaces } from '../../src/lab/places.ts'
import { labEngine } from '../../src/lab/record.ts'
import { labStatus } from '../../src/lab/status.ts'
import { labUp } from '../../src/lab/up.ts'
import { waitFor } from '../../src/lab/wait.ts'
import { run } from '../../src/platform/process.ts'

// The lab is up when these run (`npm run test:lab`), and up when they end.
const quiet = () => {}
const version = ['version', '--format', '{{.Server.Version}}']

/** Runs the Docker CLI and gives its stdout; fails the test where it fails. */
async function docker(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const result = await run('docker', args, { env, timeoutMs: 60_000 })
  if (result.failure) throw new Error(`${result.failure}\n${result.stderr}`)
  return result.stdout.trim()
}

t.test('a second `up` finds everything there, quickly', async (t) => {
  const started = Date.now()
  const status = await labUp({}, quiet)
  t.equal(status.state, 'up')
  t.ok(Date.now() - started < 2000, `took ${Date.now() - started} ms`)
})

t.test('two at once do not get in each other’s way', async (t) => {
  const both = await Promise.all([labUp({}, quiet), labUp({}, quiet)])
  t.same(
    both.map(({ state }) => state),
    ['up', 'up'],
  )
})

t.test('the engines answer each way that users reach theirs', async (t) => {
  for (const name of ['alpha', 'beta'] as const) {
    const engine = await labEngine(name)
    const expected = await docker(['--context', engine.context, ...version])
    const [ssh = '', ...args] = engine.sshCommand.split(' ')
    const overSsh = await run(ssh, [
      ...args,
      `wherry-${name}`,
      `docker ${version.join(' ').replace(/(\{.*\})/, "'$1'")}`,
    ])
    t.equal(overSsh.stdout.trim(), expected, `${name} over ssh`)
    const credentials = { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: engine.tlsDirectory }
    t.equal(await docker(['--host', engine.tcp, ...version], credentials), expected, `${name} over TLS`)
    const stranger = await run('docker', ['--host', engine.tcp, '--tls', ...version], { timeoutMs: 20_000 })
    t.ok(stranger.failure, `${name} turns away a client without a certificate`)
  }
})

t.test('an image is built once and gets to the engines that lack it', async (t) => {
  const directory = t.testdir({ Dockerfile: 'FROM debian:trixie-slim\nCMD ["true"]\n' })
  const request = { tag: 'wherry-lab-test', directory, engines: ['alpha', 'beta'] as const }
  t.teardown(() => removeEverywhere('wherry-lab-test'))
  await ensureLabImage(request, quiet)
  for (const name of ['alpha', 'beta'] as const)
    await docker(['--context', `wherry-${name}`, 'run', '--rm', 'wherry-lab-test'])
  const phases: string[] = []
  await ensureLabImage(request, (event) => event.type === 'phase' && phases.push(event.phase))
  t.notOk(phases.includes('load-image'), 'nothing is copied a second time')

  await t.test('and containers of one engine reach the other engine', async (t) => {
    const { address } = await labEngine('beta')
    const script = 'exec 3<> /dev/tcp/$0/22 && read -r line <&3 && echo "$line"'
    const args = ['run', '--rm', 'wherry-lab-test', 'bash', '-c', script, address]
    t.match(await docker(['--context', 'wherry-alpha', ...args]), /^SSH-2\.0/)
  })
})

t.test('an engine whose daemon is killed comes back by itself', async (t) => {
  const socket = labPlaces().socket('beta')
  const { outer, container } = await labEngine('beta')
  const pid = () => docker(['--host', outer, 'exec', container, 'pgrep', '-x', 'dockerd'])
  const before = await pid()
  await docker(['--host', outer, 'exec', container, 'pkill', '-KILL', '-x', 'dockerd'])
  await waitFor({ what: 'beta to come back', timeoutMs: 30_000 }, async () =>
    (await answers(socket)) && (await pid()) !== before ? true : undefined,
  )
  t.equal((await labStatus()).state, 'up')
})

t.test('an engine whose host went down is brought back by `up`', async (t) => {
  const { outer, container } = await labEngine('beta')
  await docker(['--host', outer, 'kill', container])
  await sleep(100)
  t.equal((await labStatus()).state, 'partial')
  t.equal((await labUp({}, quiet)).state, 'up')
})

async function removeEverywhere(tag: string): Promise<void> {
  const { outer } = await labEngine('alpha')
  for (const host of [outer, (await labEngine('alpha')).unix, (await labEngine('beta')).unix])
    await run('docker', ['--host', host, 'rmi', '--force', tag])
}
