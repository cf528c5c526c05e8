import t, { type Test } from 'tap'
import { waitFor } from '../../src/lab/wait.ts'
import { restartDaemon } from '../faults/faults/daemons.ts'
import { fromTo, killedAt } from './harness/counter.ts'
import { Asker, askTcp, askUdp, runEcho } from './harness/echo.ts'
import { clear, docker, inEngine, objectsOn, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { migrate, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const name = 't-echo'
const ports = ['-p', '18007:7/tcp', '-p', '18007:7/udp']
const { address } = lab.alphaFacts
/** This machine, as the engines see it. */
const client = address.replace(/\d+$/, '1')
const ipv6 =
  (await inEngine(lab.alphaFacts, 'hostname', '-I')).split(' ').find((one) => one.startsWith('fd77')) ?? ''

/** Every way to the old address leads to the server on this engine. */
async function assertAnswers(t: Test, engine: string): Promise<void> {
  t.equal(await askTcp(address, 18007, 'over tcp'), `${engine} over tcp`)
  t.equal(await askUdp(address, 18007, 'over udp'), `${engine} over udp`)
  t.equal(await askTcp(ipv6, 18007, 'over tcp 6'), `${engine} over tcp 6`)
  t.equal(await askUdp(ipv6, 18007, 'over udp 6'), `${engine} over udp 6`)
}

t.test('clients of the old address are passed on, come what may', async (t) => {
  t.teardown(() => clear(lab))
  await runEcho(name, ...ports)
  await waitFor({ what: 'the server', timeoutMs: 20_000 }, () =>
    askTcp(address, 18007, '?').catch(() => undefined),
  )
  await assertAnswers(t, 'alpha')

  const dry = await wherry(['migrate', name, ...fromTo, '--forward', '--dry-run'])
  t.match(dry.stdout, /forwarder on wherry-alpha for t-echo: 18007\/tcp, 18007\/udp → wherry-beta at 10\./)

  const asker = new Asker(address, 18007)
  const moved = await migrate([name], '--forward')
  await asker.stop()
  t.match(asker.answers[0], /^alpha/)
  t.match(asker.answers.at(-1), /^beta/)
  t.comment(`${asker.failures.length} of ${asker.answers.length + asker.failures.length} questions failed`)
  t.comment(asker.failures.join('\n'))
  t.match(moved.forwarders, [{ container: name, engine: 'wherry-alpha', target: 'wherry-beta' }])
  await assertAnswers(t, 'beta')

  const { alphaFacts, betaFacts } = lab
  for (const engines of [[alphaFacts], [betaFacts], [alphaFacts, betaFacts]]) {
    await Promise.all(engines.map(restartDaemon))
    const what = `the forwarder after a restart of ${engines.map((one) => one.name).join(' and ')}`
    await waitFor({ what, timeoutMs: 60_000 }, () => askTcp(address, 18007, '?', 2000).catch(() => undefined))
    await assertAnswers(t, 'beta')
  }

  const list = await wherry(['forward', 'list', '--on', 'wherry-alpha', '--on', 'wherry-beta', '--json'])
  t.match(list.json.forwarders, [{ container: name, state: 'running', migration: moved.id }])
  t.equal(list.json.forwarders[0].ports.length, 4, 'TCP and UDP, IPv4 and IPv6')

  const taken = await wherry(['migration', 'rollback', name, '--yes', '--json'])
  t.equal(taken.exitCode, 0, taken.stdout)
  await assertAnswers(t, 'alpha')
  t.strictSame((await wherry(['forward', 'list', '--on', 'wherry-alpha', '--json'])).json.forwarders, [])
})

t.test('a move that fails leaves no forwarder, and the source has its ports again', async (t) => {
  t.teardown(() => clear(lab))
  const health = [
    '--health-cmd',
    '[ "$(hostname)" = alpha ]',
    '--health-interval',
    '1s',
    '--health-timeout',
    '1s',
    '--health-retries',
    '1',
  ]
  await runEcho(name, ...ports, ...health)
  const before = await objectsOn(lab.beta)
  const ended = await wherry(['migrate', name, ...fromTo, '--forward', '--json'])
  t.equal(ended.exitCode, 4, ended.stdout)
  t.strictSame(await objectsOn(lab.beta), before)
  await assertAnswers(t, 'alpha')
  const helpers = (await lab.alpha.containers.list()).filter(({ Names }) => Names[0]?.startsWith('/wherry-'))
  t.strictSame(helpers, [])
})

t.test('what finish leaves is removed by its name', async (t) => {
  t.teardown(() => clear(lab))
  await runEcho(name, ...ports)
  await migrate([name], '--forward')
  const finished = await wherry(['migration', 'finish', name, '--yes', '--json'])
  t.match(finished.json.forwarders, [{ container: name, engine: 'wherry-alpha' }])
  await assertAnswers(t, 'beta')
  const unknown = await wherry(['forward', 'remove', 't-nobody', '--on', 'wherry-alpha', '--json'])
  t.equal(unknown.exitCode, 3)
  t.equal(unknown.json.error.code, 'no-such-forwarder')
  t.match(unknown.json.error.suggestions, ['It has some for: t-echo.'])
  const removed = await wherry(['forward', 'remove', name, '--on', 'wherry-alpha', '--json'])
  t.match(removed.json.removed, [{ container: name }])
  await t.rejects(askTcp(address, 18007, '?', 2000))
})

t.test('a container comes back to where its forwarder has its ports', async (t) => {
  t.teardown(() => clear(lab))
  await runEcho(name, ...ports)
  await migrate([name], '--forward')
  t.equal((await wherry(['migration', 'finish', name, '--yes', '--json'])).exitCode, 0)
  await docker('alpha', 'volume', 'rm', '-f', name)
  const back = ['migrate', name, '--from', 'wherry-beta', '--to', 'wherry-alpha', '--json']
  const state = async () => (await lab.alpha.containers.inspect(`wherry-forward-${name}`))?.State.Status

  const dead = await killedAt('start/done', name, '--to', 'wherry-alpha', '--from', 'wherry-beta')
  t.equal((await wherry(['migration', 'rollback', dead, '--json'])).exitCode, 0)
  t.equal(await state(), 'running', 'put back')
  await assertAnswers(t, 'beta')

  const moved = await wherry(back)
  t.equal(moved.exitCode, 0, moved.stdout)
  t.equal(await state(), 'exited')
  await assertAnswers(t, 'alpha')
  t.equal((await wherry(['migration', 'rollback', moved.json.id, '--yes', '--json'])).exitCode, 0)
  await assertAnswers(t, 'beta')

  const again = await wherry(back)
  t.equal((await wherry(['migration', 'finish', again.json.id, '--yes', '--json'])).exitCode, 0)
  t.equal(await state(), undefined, 'finish takes it away')
  await assertAnswers(t, 'alpha')
})

t.test('ports that engines choose, and who the client is', async (t) => {
  t.teardown(() => clear(lab))
  await runEcho(name, '-p', '7/tcp', '-p', '127.0.0.1:18008:7/udp')
  const port = Number((await docker('alpha', 'port', name, '7/tcp')).split('\n')[0]?.split(':').at(-1))
  const moved = await migrate([name], '--forward', '--forward-proxy-protocol', 'v1')
  t.match(
    moved.warnings.map(({ code }: { code: string }) => code),
    ['default-bridge', 'port-chosen', 'not-forwarded'],
  )
  t.match(
    await askTcp(address, port, 'hello'),
    new RegExp(`^beta PROXY TCP4 ${client} 172\\S+ \\d+ 7\r\nhello$`),
  )
})

t.test('who the client is, in binary', async (t) => {
  t.teardown(() => clear(lab))
  await runEcho(name, ...ports)
  await migrate([name], '--forward', '--forward-proxy-protocol', 'v2')
  const answer = Buffer.from(await askTcp(address, 18007, 'hello'), 'latin1')
  const header = answer.subarray('beta '.length)
  // haproxy's doc/proxy-protocol.txt, section 2.2: a signature, version and command, TCP over IPv4, 12 bytes that follow.
  t.equal(header.subarray(0, 16).toString('hex'), '0d0a0d0a000d0a515549540a2111000c')
  t.equal(header.subarray(16, 20).join('.'), client)
  t.equal(header.readUInt16BE(26), 7, 'the port in the container, as its own forwarder has it')
  t.equal(header.subarray(28).toString(), 'hello')
})

for (const [record, recovery, engine] of [
  ['forward/intent', 'resume', 'beta'],
  ['forward/done', 'rollback', 'alpha'],
  ['forward-check/intent', 'resume', 'beta'],
  ['forward-check/done', 'rollback', 'alpha'],
] as const) {
  t.test(`wherry is killed at ${record}: ${recovery}`, async (t) => {
    t.teardown(() => clear(lab))
    await runEcho(name, ...ports)
    const id = await killedAt(record, name, '--forward')
    const ended = await wherry(['migration', recovery, id, '--json'])
    t.equal(ended.exitCode, 0, ended.stdout)
    await assertAnswers(t, engine)
    const { json } = await wherry(['forward', 'list', '--on', 'wherry-alpha', '--json'])
    t.equal(json.forwarders.length, engine === 'beta' ? 1 : 0)
  })
}

t.test('what cannot be forwarded is refused before anything changes', async (t) => {
  t.teardown(() => clear(lab))
  await runEcho(name)
  const refused = async (...flags: string[]) => {
    const { exitCode, json } = await wherry(['migrate', name, ...fromTo, '--forward', ...flags, '--json'])
    return `${exitCode} ${json.error.code}`
  }
  t.equal(await refused(), '3 nothing-to-forward')
  await docker('alpha', 'rm', '-f', name)
  await runEcho(name, ...ports)
  t.equal(await refused('--consistency', 'crash'), '3 forward-frozen')
  await docker(
    'alpha',
    'run',
    '-d',
    '--name',
    `wherry-forward-${name}`,
    'wherry-test-workload',
    'sleep',
    '100',
  )
  t.equal(await refused(), '3 forwarder-exists')
})
