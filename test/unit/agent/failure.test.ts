import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import t, { type t as tap } from 'tap'
import { CatalogWriter } from '../../../src/agent/catalog-writer.ts'
import { AgentClient } from '../../../src/agent/client.ts'
import { dial } from '../../../src/agent/direct.ts'
import { openLink } from '../../../src/agent/link.ts'
import { SendRound } from '../../../src/agent/send-round.ts'
import { linkAgents, Pair, python, sameTrees, snapshot } from './agents.ts'

const agents = new Pair()
t.teardown(agents.stop)

/** Replaces bytes in what passes, as often as `times` says. */
function replacer(from: string, to: string, times = 1): (chunk: Buffer) => void {
  let left = times
  return (chunk) => {
    const at = chunk.indexOf(from, 0, 'latin1')
    if (at < 0 || left === 0) return
    left--
    chunk.write(to, at, 'latin1')
  }
}

t.test('a block that was damaged on its way is refused, and the next round mends it', async (t) => {
  const pair = await agents.fresh('relay', replacer('BBBBBBBB', 'BBBbBBBB'))
  writeFileSync(join(pair.from, 'file'), 'B'.repeat(500_000))
  await t.rejects(pair.round(), { code: 'corrupted-in-transit', message: /was damaged/ })
  await pair.round({ final: true })
  sameTrees(t, pair.to, pair.from)
})

/** Passes connections on to a port of this machine, with `tamper` on what comes back from there. */
async function proxy(to: number, tamper: (chunk: Buffer) => void) {
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    near.pipe(far).on('error', () => near.destroy())
    far.on('data', (chunk: Buffer) => {
      tamper(chunk)
      near.write(chunk)
    })
    far.on('close', () => near.destroy())
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

t.test('a byte that was changed on the direct path ends the round, and the next one mends it', async (t) => {
  const pair = await agents.fresh()
  writeFileSync(join(pair.from, 'file'), 'B'.repeat(3_000_000))
  const [from, to] = [pair.source.client, pair.target.client]
  const secret = { session: 'through a proxy', key: '11'.repeat(32) }
  let passed = 0
  const { server, port } = await proxy((await from.request('listen', secret)).port, (chunk) => {
    passed += chunk.length
    if (passed < 1_000_000 || passed - chunk.length >= 1_000_000) return
    chunk[0] = (chunk[0] ?? 0) ^ 1
  })
  t.teardown(() => server.close())
  const accepted = from.request('accept', {})
  await to.request('dial', { ...secret, addresses: ['127.0.0.1'], port, timeoutMilliseconds: 2000 })
  await accepted
  await t.rejects(pair.round(), { code: 'link-broken' })
  await linkAgents(pair.source, pair.target, 'direct')
  await pair.round({ final: true })
  sameTrees(t, pair.to, pair.from)
})

t.test('what changes in memory before it is encrypted is refused before it is written', async (t) => {
  const pair = await agents.fresh()
  writeFileSync(join(pair.from, 'file'), 'B'.repeat(100))
  const target = pair.target.client
  const secret = { session: 'a source that errs', key: '22'.repeat(32) }
  const { port } = await target.request('listen', secret)
  const accepted = target.request('accept', {})
  const { channel, close } = await dial(secret, ['127.0.0.1'], port, 2000)
  t.teardown(close)
  await accepted
  const ready = new Promise<void>((resolve) => {
    t.teardown(target.onEvent(() => resolve()))
  })
  const round = { round: 7, isFinal: false }
  const tree = { id: pair.id, hasBase: false }
  const received = target.request('receiveRound', { ...round, trees: [{ ...tree, path: pair.to }] })
  await ready
  const send = channel.send.bind(channel)
  channel.send = (batch) => {
    replacer('BBBBBBBB', 'BBBbBBBB')(batch)
    return send(batch)
  }
  const params = { ...round, trees: [{ ...tree, path: pair.from }] }
  const sent = new SendRound(params, channel, pair.directory, () => undefined).run()
  const error = { code: 'corrupted-in-transit', message: /batch was damaged/ }
  await Promise.all([t.rejects(received, error), sent])
  t.notOk(existsSync(join(pair.to, 'file')))
  await linkAgents(pair.source, pair.target, 'direct')
  await pair.round({ final: true })
  sameTrees(t, pair.to, pair.from)
})

t.test('a target that differs in anything is reported as not verified', async (t) => {
  const pair = await agents.fresh('relay', replacer('unique-name', 'unique-nomo'))
  writeFileSync(join(pair.from, 'unique-name'), 'x')
  await t.rejects(pair.round(), { code: 'not-verified', exitCode: 8, message: /volume-/ })
  await pair.round({ final: true })
  sameTrees(t, pair.to, pair.from)
})

t.test('a hostile source cannot write outside of the tree', async (t) => {
  const pair = await agents.fresh('relay', replacer('abc-inside', '../outside'))
  writeFileSync(join(pair.from, 'abc-inside'), 'x')
  await t.rejects(pair.round(), { code: 'protocol' })
  t.notOk(existsSync(join(pair.directory, 'outside')))
})

t.test('surplus symlinks in the target are removed and not followed', async (t) => {
  const pair = await agents.fresh()
  mkdirSync(join(pair.directory, 'precious'))
  writeFileSync(join(pair.directory, 'precious', 'file'), 'keep')
  python(pair.to, `import os; os.symlink('../precious', 'dir'); os.link('../precious/file', 'hard')`)
  python(
    pair.from,
    `import os; os.mkdir('dir'); open('dir/file', 'w').write('new'); open('hard', 'w').write('new')`,
  )
  await pair.round({ final: true })
  sameTrees(t, pair.to, pair.from)
  t.match(snapshot(join(pair.directory, 'precious')).join(), /"size": 4/)
})

t.test('a direct link that the source dials carries data too', async (t) => {
  const pair = await agents.fresh()
  python(pair.from, `import os; open('file', 'wb').write(os.urandom(3_000_000))`)
  const clients = { source: pair.source.client, target: pair.target.client }
  const addresses = { targetAddresses: ['127.0.0.1'], sourceAddresses: [] }
  const link = await openLink({ ...clients, ...addresses, path: 'direct', report: () => undefined })
  t.match(link.detail, /source to target/)
  await pair.round({ link, final: true })
  sameTrees(t, pair.to, pair.from)
})

for (const path of ['direct', 'relay'] as const) {
  t.test(`a target that dies in mid-round is a clear error on the ${path} path`, async (t) => {
    const pair = await agents.fresh(path)
    python(pair.from, `import os; [open('f%d' % i, 'wb').write(os.urandom(1 << 18)) for i in range(40)]`)
    let killed = false
    const round = pair.round({
      limitBytesPerSecond: 5 << 20,
      onProgress: ({ bytes }) => {
        if (bytes < 1 << 20 || killed) return
        killed = true
        pair.target.child.kill('SIGKILL')
      },
    })
    await t.rejects(round, { code: 'agent-gone', message: /target has ended/ })
    // The test's next pair has a new target with the old one's catalogs.
    const again = await agents.fresh(path)
    const trees = [{ id: pair.id, path: pair.from, targetPath: pair.to }]
    await again.round({ trees, final: true })
    sameTrees(t, pair.to, pair.from)
  })
}

/** Mounts a file system over the target's directory, or skips the test where that is not allowed. */
function mount(
  t: Pick<typeof tap, 'comment' | 'teardown'>,
  at: string,
  type: string,
  options: string,
): boolean {
  try {
    execFileSync('mount', ['-t', type, '-o', options, 'none', at], { stdio: 'ignore' })
  } catch {
    t.comment('skipped: mounting is not allowed here')
    return false
  }
  t.teardown(() => execFileSync('umount', ['-l', at]))
  return true
}

t.test('a full disk on the target is named', async (t) => {
  const pair = await agents.fresh()
  if (!mount(t, pair.to, 'tmpfs', 'size=3m')) return
  python(pair.from, `import os; [open('f%d' % i, 'wb').write(os.urandom(1 << 20)) for i in range(6)]`)
  const error = { code: 'target-disk-full', message: /volume-\d+: f\d/, data: { tree: pair.id } }
  await t.rejects(pair.round(), error)
  python(pair.from, `import os; [os.unlink('f%d' % i) for i in range(5)]`)
  await pair.round({ final: true })
  sameTrees(t, pair.to, pair.from)
})

t.test('an attribute that the target cannot hold is named', async (t) => {
  const pair = await agents.fresh()
  if (!mount(t, pair.to, 'ramfs', 'rw')) return
  python(pair.from, `import os; open('marked', 'w').close(); os.setxattr('marked', 'user.colour', b'red')`)
  await t.rejects(pair.round(), { code: 'not-carried', message: /user\.colour of .*marked/ })
})

t.test('what a process that is no agent prints last is in the error', async (t) => {
  const child = spawn('sh', ['-c', 'echo no such image >&2; exit 1'])
  const client = new AgentClient(child.stdin, child.stdout, 'the agent on a')
  child.stderr.on('data', (text: Buffer) => client.heard(text.toString()))
  await t.rejects(client.request('hello', {}), {
    code: 'agent-gone',
    message: 'the agent on a has ended: no such image',
  })
})

t.test(
  'a target that was emptied or changed between rounds is sent everything, or the error says so',
  async (t) => {
    const pair = await agents.fresh()
    python(pair.from, `import os; os.makedirs('deep/er'); open('deep/er/file', 'w').write('x' * 9000)`)
    await pair.round()
    python(pair.to, `import shutil; shutil.rmtree('deep')`)
    writeFileSync(join(pair.from, 'deep', 'er', 'another'), 'y')
    await pair.round()
    sameTrees(t, pair.to, pair.from)
    python(pair.to, `import shutil; shutil.rmtree('deep/er')`)
    writeFileSync(join(pair.from, 'deep', 'er', 'third'), 'z')
    await t.rejects(pair.round(), { code: 'target-changed', message: /deep\/er was changed on the target/ })
    await pair.round()
    sameTrees(t, pair.to, pair.from)
    rmSync(pair.to, { recursive: true })
    mkdirSync(pair.to)
    await pair.round({ final: true })
    sameTrees(t, pair.to, pair.from)
  },
)

t.test('a catalog that cannot take its place is given up and says why', (t) => {
  const directory = t.testdir()
  const writer = new CatalogWriter(join(directory, 'tree'))
  rmSync(join(directory, 'tree.new'))
  t.throws(() => writer.finish(true), { code: 'ENOENT' })
  writer.discard()
  t.end()
})
