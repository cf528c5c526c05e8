import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { encodings } from '../../../src/agent/snapshot/records.ts'
import { ChunkStore } from '../../../src/snapshot/chunk-store.ts'
import { sealOf } from '../../../src/snapshot/encryption.ts'
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

t.test('chunks stay as they are until they are given back, sealed or not, compressed or not', async (t) => {
  for (const seal of [unsealed, sealOf(Buffer.alloc(32, 5))]) {
    const repository = await DirectoryRepository.openOrCreate(join(directory, seal.seed))
    const packs = new PackWriter(repository, await repository.workDirectory(), seal)
    const contents = Array.from({ length: 120 }, (_, index) => {
      const length = [900, 50_000, 300_000, 1_500_000, 4 << 20][index % 5] ?? 0
      return index % 2 === 0 ? randomBytes(length) : Buffer.alloc(length, `some text ${index} `)
    })
    const digests = contents.map((content) => createHash('sha256').update(content).digest())
    for (const [index, content] of contents.entries()) {
      const isText = index % 2 === 1
      const stored = isText ? zstdCompressSync(content) : content
      const encoding = isText ? encodings.zstd : encodings.raw
      await packs.add({ digest: digests[index] ?? Buffer.alloc(0), length: content.length, encoding, stored })
    }
    await packs.end()
    const store = new ChunkStore(repository, seal)
    store.addPacks(packs.packs)
    let wrong = 0
    const held: Promise<Buffer>[] = []
    for (let at = 0; at < digests.length + 6; at++) {
      if (at < digests.length) held.push(store.read(digests[at] ?? Buffer.alloc(0)))
      if (at < 6) continue
      const content = await held.shift()
      if (!content?.equals(contents[at - 6] ?? Buffer.alloc(0))) wrong++
      if (content) store.release(content)
    }
    t.equal(wrong, 0)
  }
})

t.test('an index that says that a chunk takes gigabytes gets no memory', async (t) => {
  const { store, digests } = await storeOf([5000])
  const [digest = Buffer.alloc(0)] = digests
  const lying = new ChunkStore(store.repository, unsealed)
  const chunk = { digest, length: 5000, storedLength: 2 ** 32 - 1, encoding: encodings.raw }
  lying.addPacks([{ digest: store.packs[0]?.digest ?? '', size: 2 ** 40, chunks: [chunk] }])
  lying.repository.read = () => t.fail('it was read') as never
  await t.rejects(lying.read(digest), { name: 'NotVerifiedError' })
})
