import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bridge } from '../../src/drivers/network/bridge.ts'
import { stretch } from '../../src/drivers/network/stretch.ts'
import { waitFor } from '../../src/lab/wait.ts'
import { membershipsOn } from '../../src/network/membership.ts'
import { networkContract } from '../contracts/network.ts'
import { fromTo } from './harness/counter.ts'
import { clear, docker, type EngineName, inEngine, openLab } from './harness/engines.ts'
import { ensureWorkloadImage } from './harness/images.ts'
import { ask, startPeer } from './harness/peers.ts'
import { listenFor, type Seen } from './harness/sniffer.ts'
import { both, dual, leavesNothing, stretchNew, traces } from './harness/stretched.ts'
import { succeed, wherry } from './harness/wherry.ts'

const lab = await openLab()
t.teardown(() => lab.close())
await ensureWorkloadImage(['alpha', 'beta'])

const word = 'a-word-that-nobody-else-says'
const subnet = ['--subnet', '10.77.9.0/24']
const stretchCommand = ['network', 'stretch', 't-net', '--between', ...both]
const peers = { near: '10.77.9.71', far: '10.77.9.232' }

/** Whether this machine's kernel has WireGuard: `npm run test:vm` runs this file on one that has. */
const hasWireguard = await inEngine(lab.alphaFacts, 'ip', 'link', 'add', 't-wg', 'type', 'wireguard')
  .then(() => inEngine(lab.alphaFacts, 'ip', 'link', 'delete', 't-wg'))
  .then(
    () => true,
    () => false,
  )

t.test('asked not to encrypt, what crosses can be read', async (t) => {
  t.teardown(() => clear(lab))
  await docker('alpha', 'network', 'create', ...subnet, 't-net')
  const stretched = await succeed(...stretchCommand, '--no-encrypt')
  t.match(stretched, { encrypted: false, port: 14789 })
  await startPeers()
  const seen = await sayWord(t, 14789)
  t.ok(seen.readable > 0, `read ${seen.readable} times`)
  t.ok(seen.toPort > 0, 'on the port that was said')
  const asked = await wherry([...stretchCommand, '--encrypt', '--json'])
  t.match(asked, { exitCode: 3, json: { error: { code: 'stretched-already' } } })
})

if (hasWireguard) {
  t.test('an encrypted network keeps what stretched networks promise', keepsPromises)
  t.test('what crosses cannot be read, whatever happens to the tunnel', staysSecret)
  t.test('two encrypted networks, and a move that makes one', twoNetworks)
} else {
  t.test('a kernel without WireGuard', withoutWireguard)
}

async function withoutWireguard(t: Test): Promise<void> {
  t.teardown(() => clear(lab))
  await docker('alpha', 'network', 'create', ...subnet, 't-net')
  const before = await traces(lab)
  const asked = await wherry([...stretchCommand, '--encrypt', '--json'])
  t.match(asked, { exitCode: 3, json: { error: { code: 'cannot-encrypt' } } })
  t.match(
    asked.json?.error.message,
    /: no WireGuard in the kernel of wherry-alpha \(".*"\) and wherry-beta \(/,
  )
  t.strictSame(await traces(lab), before, 'nothing has changed')
  const stretched = await succeed(...stretchCommand)
  t.match(stretched, { encrypted: false, notEncryptedBecause: /^no WireGuard in the kernel of wherry-alpha/ })
}

async function keepsPromises(t: Test): Promise<void> {
  t.teardown(() => clear(lab))
  await leavesNothing(
    t,
    lab,
    () =>
      docker('alpha', 'network', 'create', ...dual, 't-net').then(() =>
        succeed(...stretchCommand, '--encrypt'),
      ),
    async () => {
      await succeed('network', 'unstretch', 't-net', '--on', 'wherry-alpha', '--yes')
      await docker('alpha', 'network', 'rm', 't-net')
    },
  )
  await networkContract(t, {
    lab,
    driver: stretch,
    builtOn: bridge,
    prepare: async () => {
      t.match(await stretchNew('t-net', ...dual), { encrypted: true, port: 14790 })
    },
    introduce: () => succeed('network', 'repair', 't-net', '--on', 'wherry-alpha'),
    isOnBeta: true,
    addresses: { it: '10.77.9.70', ...peers },
    ipv6: { it: 'fd77:9::70', near: 'fd77:9::71', far: 'fd77:9::232' },
    clear: () => clear(lab),
  })
}

async function staysSecret(t: Test): Promise<void> {
  t.teardown(() => clear(lab))
  await stretchNew('t-net', ...subnet)
  await startPeers()
  const seen = await sayWord(t, 14790)
  t.equal(seen.readable, 0)
  t.ok(seen.toPort > 10, `${seen.toPort} frames in the tunnel`)
  const [membership] = await membershipsOn(lab.alpha, 't-net')
  const { vni } = membership?.record.settings ?? {}

  await t.test('its device is taken away by hand', async (t) => {
    const meanwhile = await listenFor('beta', word, 14790, async () => {
      await inEngine(lab.alphaFacts, 'ip', 'link', 'delete', `wherryt${vni}`)
      await say()
      await reaches(t, 'alpha', 't-near', peers.far)
    })
    t.equal(meanwhile.readable, 0, 'nothing goes beside it')
  })

  await t.test('both hosts start again', async (t) => {
    for (const [engine, facts] of [
      ['alpha', lab.alphaFacts],
      ['beta', lab.betaFacts],
    ] as const) {
      await docker(engine, 'kill', 'wherry-stretch-t-net')
      for (const device of [`wherry${vni}`, `wherryt${vni}`])
        await inEngine(facts, 'ip', 'link', 'delete', device)
    }
    for (const engine of ['alpha', 'beta'] as const) await docker(engine, 'start', 'wherry-stretch-t-net')
    await reaches(t, 'beta', 't-far', peers.near)
  })

  await t.test('a member loses its keeper, and with it its key', async (t) => {
    await docker('beta', 'rm', '-f', 'wherry-stretch-t-net')
    await inEngine(lab.betaFacts, 'ip', 'link', 'delete', `wherryt${vni}`)
    const repaired = await succeed('network', 'repair', 't-net', '--on', 'wherry-alpha')
    t.match(repaired, { network: { encrypted: true, port: 14790 } })
    await reaches(t, 'alpha', 't-near', peers.far)
    t.equal((await sayWord(t, 14790)).readable, 0)
  })
}

async function twoNetworks(t: Test): Promise<void> {
  t.teardown(() => clear(lab))
  await stretchNew('t-net', ...subnet)
  await docker('alpha', 'network', 'create', '--subnet', '10.77.10.0/24', 't-other')
  await startPeer('alpha', 't-near', '--network', 't-other')
  await startPeer('alpha', 't-it', '--network', 't-other')
  const moved = await succeed('migrate', 't-it', ...fromTo, '--stretch')
  t.strictSame(moved.stretched.encrypted, ['t-other'])
  t.equal((await ask('alpha', 't-near', 't-it')).failure, undefined)
  const listed = await succeed('network', 'list', '--on', 'wherry-alpha')
  t.match(listed.networks, [
    { network: 't-net', encrypted: true, port: 14790 },
    { network: 't-other', encrypted: true, port: 14791 },
  ])
}

/** Two containers on the network, one on each engine, that nobody has introduced. */
async function startPeers(): Promise<void> {
  await startPeer('alpha', 't-near', '--network', 't-net', '--ip', peers.near)
  await startPeer('beta', 't-far', '--network', 't-net', '--ip', peers.far)
}

/** Lets one say the word to the other, and listens between the hosts. */
async function sayWord(t: Test, port: number): Promise<Seen> {
  await reaches(t, 'alpha', 't-near', peers.far)
  return listenFor('beta', word, port, say)
}

/** Says the word for three seconds. */
async function say(): Promise<void> {
  const program = `import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(30):
    s.sendto(b"${word}", ("${peers.far}", 9999))
    time.sleep(0.1)`
  await docker('alpha', 'exec', 't-near', 'python3', '-c', program)
  await sleep(200)
}

async function reaches(t: Test, engine: EngineName, from: string, host: string): Promise<void> {
  const what = `${from} to reach ${host}`
  const answer = await waitFor({ what, timeoutMs: 60_000 }, async () => {
    const { failure } = await ask(engine, from, host)
    if (failure) throw new Error(failure)
    return true
  }).catch(String)
  t.equal(answer, true, what)
}
