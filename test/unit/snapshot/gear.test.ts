import { randomBytes } from 'node:crypto'
import t from 'tap'
import { Chunker, dataSizes, publicSeed, treeSizes } from '../../../src/agent/snapshot/gear.ts'

function cuts(chunker: Chunker, content: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < content.length; ) {
    const length = chunker.cut(content, at, Math.min(content.length, at + chunker.sizes.max))
    chunks.push(content.subarray(at, at + length))
    at += length
  }
  return chunks
}

t.test('lengths are within bounds and lie around the normal one', async (t) => {
  const content = randomBytes(24 << 20)
  const chunks = cuts(new Chunker(dataSizes, publicSeed), content)
  t.ok(Buffer.concat(chunks).equals(content), 'nothing is lost')
  for (const { length } of chunks.slice(0, -1)) {
    t.ok(length > dataSizes.min && length <= dataSizes.max, `${length} is within bounds`)
  }
  const mean = content.length / chunks.length
  t.ok(mean > dataSizes.normal * 0.75 && mean < dataSizes.normal * 1.75, `${Math.round(mean)} on average`)
})

t.test('an insertion changes the chunks near it alone', async (t) => {
  const content = randomBytes(4 << 20)
  const chunker = new Chunker(treeSizes, publicSeed)
  const before = new Set(cuts(chunker, content).map((chunk) => chunk.toString('latin1')))
  const changed = Buffer.concat([content.subarray(0, 2e6), Buffer.from('inserted'), content.subarray(2e6)])
  const after = cuts(chunker, changed)
  const fresh = after.filter((chunk) => !before.has(chunk.toString('latin1')))
  t.ok(fresh.length <= 3, `${fresh.length} of ${after.length} chunks are new`)
})

t.test('another seed cuts elsewhere', async (t) => {
  const content = randomBytes(4 << 20)
  const lengths = (seed: string) => cuts(new Chunker(treeSizes, seed), content).map(({ length }) => length)
  t.notSame(lengths('a'), lengths('b'))
  t.same(lengths('a'), lengths('a'))
})

t.test('content that repeats is cut at the longest length', async (t) => {
  const chunks = cuts(new Chunker(treeSizes, publicSeed), Buffer.alloc(3 * treeSizes.max))
  t.same(
    chunks.map(({ length }) => length),
    [treeSizes.max, treeSizes.max, treeSizes.max],
  )
})
