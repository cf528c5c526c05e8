import { createHash } from 'node:crypto'
import t from 'tap'
import { DigestSet } from '../../../src/agent/snapshot/digest-set.ts'
import { ChunkIndex } from '../../../src/snapshot/chunk-index.ts'

const digest = (of: number) => createHash('sha256').update(String(of)).digest()

t.test('a set of digests knows what was added, however much it grows', async (t) => {
  const set = new DigestSet()
  for (let of = 0; of < 20_000; of++) if (!set.add(digest(of))) t.fail(`${of} was there already`)
  t.equal(set.size, 20_000)
  t.notOk(set.add(digest(77)), 'one that is there is not added')
  t.ok(set.has(digest(19_999)))
  t.notOk(set.has(digest(20_000)))
  const buffer = Buffer.concat([Buffer.alloc(5), digest(5)])
  t.ok(set.has(buffer, 5), 'it is found at a byte of a buffer')
})

t.test('digests that begin alike are told apart', async (t) => {
  const set = new DigestSet()
  const alike = (last: number) => Buffer.concat([Buffer.alloc(31, 7), Buffer.of(last)])
  for (let last = 0; last < 200; last++) t.ok(set.add(alike(last)))
  t.notOk(set.has(alike(200)))
})

t.test('an index tells where a chunk is', async (t) => {
  const index = new ChunkIndex()
  const place = (of: number) => ({
    pack: of % 7,
    offset: of * 2 ** 33,
    length: of,
    storedLength: of + 1,
    encoding: of % 2,
  })
  for (let of = 0; of < 10_000; of++) index.add(digest(of), place(of))
  t.equal(index.size, 10_000)
  t.equal(index.digests.length, 320_000)
  for (const some of [0, 1, 4096, 9999]) t.same(index.find(digest(some)), place(some))
  t.equal(index.find(digest(10_000)), undefined)
  index.add(digest(3), place(4))
  t.same(index.find(digest(3)), place(3), 'the first place stays')
})
