import t from 'tap'
import { relearn } from '../../../src/agent/relearn.ts'
import { Pair, python, sameTrees } from './agents.ts'

const agents = new Pair()
t.teardown(agents.stop)

const content = `
import os
def put(name, data): open(name, 'wb').write(data)
for n in range(200): put('file-%d' % n, os.urandom(5000))
os.mkdir('d'); put('d/database', os.urandom(6 << 20)); os.link('d/database', 'second-name'); os.symlink('x', 'link')
`

for (const path of ['direct', 'relay'] as const) {
  t.test(`what arrived before both agents forgot is not sent again (${path})`, async (t) => {
    const pair = await agents.fresh(path)
    python(pair.from, content)
    await pair.round()
    const trees = [pair.id]
    await pair.source.client.request('forget', { trees })
    await pair.target.client.request('forget', { trees })
    python(
      pair.from,
      `import os; f = open('d/database', 'r+b'); f.seek(8192 * 9); f.write(os.urandom(8192)); os.unlink('file-7')`,
    )
    python(
      pair.to,
      `import os; f = open('file-3', 'r+b'); f.write(b'torn'); f.close(); open('surplus', 'w').write('x')`,
    )
    await relearn({
      source: pair.source.client,
      target: pair.target.client,
      trees: [{ id: pair.id, path: pair.from, targetPath: pair.to }],
    })
    const { bytesSent } = await pair.round({ final: true })
    sameTrees(t, pair.to, pair.from)
    t.ok(bytesSent < 200_000, `only what differs was sent: ${bytesSent} bytes`)
  })
}

t.test('the way back: what the target wrote since the final round goes to the source', async (t) => {
  const pair = await agents.fresh()
  python(pair.from, content)
  await pair.round({ final: true })
  python(pair.to, `open('d/database', 'ab').write(b'written on the target'); open('new', 'w').write('n')`)
  const back = { source: pair.target.client, target: pair.source.client }
  const trees = [{ id: pair.id, path: pair.to, targetPath: pair.from }]
  await relearn({ ...back, trees })
  const { bytesSent } = await pair.round({ ...back, trees, final: true })
  sameTrees(t, pair.from, pair.to)
  t.ok(bytesSent < 200_000, `only what differs was sent: ${bytesSent} bytes`)
})

t.test('a scan from the disk gives the digest of what is on the disk', async (t) => {
  const pair = await agents.fresh()
  python(pair.from, content)
  const round = await pair.round({ final: true })
  const scan = () =>
    pair.target.client.request('scanTree', { id: `${pair.id}-scan`, path: pair.to, fromDisk: true })
  t.equal((await scan()).digest, round.trees[0]?.sourceDigest)
  python(pair.to, `f = open('file-5', 'r+b'); f.seek(10); f.write(b'rotten')`)
  t.not((await scan()).digest, round.trees[0]?.sourceDigest)
})
