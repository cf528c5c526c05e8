import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { encodings } from '../../../src/agent/snapshot/records.ts'
import { ChunkStore } from '../../../src/snapshot/chunk-store.ts'
import { PackWriter } from '../../../src/snapshot/pack-writer.ts'
import { DirectoryRepository } from '../../../src/snapshot/repository/directory.ts'
import { unsealed } from '../../../src/snapshot/seal.ts'

const directory = await mkdtemp(join(tmpdir(), 'wherry-unit-'))
t.teardown(() => rm(directory, { recursive: true, force: true }))

/** A pack of many chunks, and a store of which every read is counted. */
async function storeOf(lengths: readonly number[]) {
  const repository = await DirectoryRepository.openOrCreate(join(directory, String(lengths.length)))
  const packs = new PackWriter(repository, await repository.workDirectory(), unsealed)
  const contents = lengths.map((length) => randomBytes(length))
  const digests = contents.map((content) => createHash('sha256').update(content).digest())
  for (const [index, stored] of contents.entries()) {
    const digest = digests[index] ?? Buffer.alloc(0)
    await packs.add({ digest, length: stored.length, encoding: encodings.raw, stored })
  }
  await packs.end()
  const reads: number[] = []
  const read = repository.read.bind(repository)
  repository.read = (digest, offset, length, memory) => {
    reads.push(length ?? -1)
    return read(digest, offset, length, memory)
  }
  const store = new ChunkStore(repository, unsealed)
  store.addPacks(packs.packs)
  return { store, contents, digests, reads }
}

t.test('chunks that follow one another are read together', async (t) => {
  const { store, contents, digests, reads } = await storeOf(Array.from({ length: 3000 }, () => 4000))
  for (const [index, digest] of digests.entries()) {
    const content = await store.read(digest)
    if (!content.equals(contents[index] ?? Buffer.alloc(0))) t.fail(`chunk ${index} is another one`)
  }
  t.ok(reads.length < 10, `${reads.length} reads for 3000 chunks`)
})

t.test('chunks here and there are read alone, also many at once', async (t) => {
  const { store, contents, digests, reads } = await storeOf(Array.from({ length: 200 }, () => 100_000))
  const order = [7, 150, 3, 90, 20, 199, 0]
  const read = await Promise.all(order.map((index) => store.read(digests[index] ?? Buffer.alloc(0))))
  t.ok(read.every((content, at) => content.equals(contents[order[at] ?? 0] ?? Buffer.alloc(0))))
  t.ok(
    reads.every((length) => length === 100_000),
    reads.join(),
  )
  const all = await Promise.all(digests.map((digest) => store.read(digest)))
  t.ok(all.every((content, index) => content.equals(contents[index] ?? Buffer.alloc(0))))
})

t.test('what cannot be read along does not keep a chunk from being read', async (t) => {
  const { store, contents, digests } = await storeOf([5000, 5000, 5000])
  const { repository } = store
  const read = repository.read.bind(repository)
  repository.read = (digest, offset, length, memory) =>
    (length ?? 0) > 5000 ? Promise.reject(new Error('a bad sector')) : read(digest, offset, length, memory)
  for (const [index, digest] of digests.entries())
    t.ok((await store.read(digest)).equals(contents[index] ?? Buffer.alloc(0)))
})
