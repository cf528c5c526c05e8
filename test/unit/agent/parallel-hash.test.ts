import { hash, randomBytes } from 'node:crypto'
import { closeSync, openSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { ParallelHasher } from '../../../src/agent/parallel-hash.ts'
import { SystemCallError } from '../../../src/agent/system.ts'
import { Pair, python, sameTrees } from './agents.ts'

const chunkBlocks = 64
const hasher = new ParallelHasher(3)
t.teardown(() => hasher.close())

/** All digests, taken as the sender takes them. */
async function digestsOf(descriptor: number, size: number, shift: number): Promise<Buffer> {
  const blocks = Math.ceil(size / 2 ** shift)
  const chunk = Math.max(1, chunkBlocks >> (shift - 13))
  const result = Buffer.alloc(blocks * 16)
  hasher.begin(descriptor, size, shift)
  try {
    for (let at = 0; at < blocks; at += chunk) {
      const count = Math.min(chunk, blocks - at)
      while (!hasher.take(result.subarray(at * 16), count)) await setImmediate()
    }
  } finally {
    hasher.end()
  }
  return result
}

function expected(content: Buffer, shift: number): Buffer {
  const digests: Buffer[] = []
  for (let at = 0; at < content.length; at += 2 ** shift) {
    digests.push(hash('sha256', content.subarray(at, at + 2 ** shift), 'buffer').subarray(0, 16))
  }
  return Buffer.concat(digests)
}

t.test('threads give the digests that one gives, over several windows', async (t) => {
  const path = join(t.testdir(), 'file')
  const content = randomBytes(140_000_001)
  writeFileSync(path, content)
  const descriptor = openSync(path, 'r')
  t.teardown(() => closeSync(descriptor))
  for (const [shift, size] of [
    [13, content.length],
    [20, 70_000_001],
  ] as const) {
    const wanted = expected(content.subarray(0, size), shift)
    t.ok((await digestsOf(descriptor, size, shift)).equals(wanted), `blocks of ${2 ** shift}`)
  }
  const small = content.subarray(0, 8193)
  t.ok(
    (await digestsOf(descriptor, small.length, 13)).equals(expected(small, 13)),
    'fewer blocks than threads',
  )
  // A file that is given up in the middle leaves nothing behind for the next one.
  hasher.begin(descriptor, content.length, 13)
  hasher.end()
  truncateSync(path, 30_000_000)
  content.fill(0, 30_000_000)
  const before = content.subarray(0, 40_000_001)
  const found = await digestsOf(descriptor, before.length, 13)
  t.ok(found.equals(expected(before, 13)), 'what is missing is zeros')
})

t.test('a read error is the one of the system call', async (t) => {
  const directory = openSync(t.testdir(), 'r')
  t.teardown(() => closeSync(directory))
  await t.rejects(digestsOf(directory, 1 << 20, 13), new SystemCallError('pread', 'EISDIR'))
  await t.rejects(digestsOf(directory, 100, 13), new SystemCallError('pread', 'EISDIR'))
})

t.test('a large file costs only its changed pages, whatever else happens to it', async (t) => {
  const agents = new Pair()
  t.teardown(agents.stop)
  const pair = await agents.fresh()
  python(pair.from, `import os; open('database', 'wb').write(os.urandom(70_000_001))`)
  await pair.round()
  const program = `
import os
f = open('database', 'r+b')
for page in (0, 100, 101, 4000, 8191, 8192, 8544): f.seek(page * 8192); f.write(os.urandom(100))
`
  python(pair.from, program)
  const changed = await pair.round()
  t.ok(changed.bytesSent < 100_000, 'seven pages')
  sameTrees(t, pair.to, pair.from)
  python(pair.from, `import os; os.truncate('database', 69_000_000)`)
  const shorter = await pair.round({ final: true })
  t.ok(shorter.bytesSent < 50_000, 'a shorter file')
  sameTrees(t, pair.to, pair.from)
})
