import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { mostPacks } from '../../../src/snapshot/join-packs.ts'
import { DirectoryRepository } from '../../../src/snapshot/repository/directory.ts'
import { mediaTypes } from '../../../src/snapshot/repository/oci.ts'
import type { ListedSnapshot } from '../../../src/snapshot/repository/repository.ts'
import { newKey, readBack, SmallRepository, verifyAll } from './harness.ts'

async function packsOf(path: string, listed: ListedSnapshot): Promise<string[]> {
  const { layers } = await (await DirectoryRepository.open(path)).readManifest(listed)
  return layers.filter(({ mediaType }) => mediaType === mediaTypes.pack).map(({ digest }) => digest)
}

for (const isEncrypted of [false, true]) {
  t.test(`a snapshot that needs a little of many, ${isEncrypted ? '' : 'not '}encrypted`, async (t) => {
    const small = new SmallRepository()
    t.teardown(() => small.remove())
    const sealed = isEncrypted ? await newKey(await small.open()) : {}
    const counts: number[] = []
    const taken: { listed: ListedSnapshot; content: Record<string, string> }[] = []
    for (let turn = 0; turn < 17; turn++) {
      small.write('data', { [`file-${turn}`]: 2000 + turn, 'a/changes': `turn ${turn}` })
      const listed = await small.take({ db: ['data'] }, { ...sealed, mostPacks: 10 })
      counts.push((await packsOf(small.path, listed)).length)
      taken.push({ listed, content: await readBack(small.path, listed) })
    }
    t.comment(`packs: ${counts}`)
    t.ok(Math.max(...counts) <= 10, 'it never has more')
    // Once joined, it is some snapshots until the next time.
    t.ok(counts.filter((count, turn) => count < (counts[turn - 1] ?? 0)).length <= 3, `${counts}`)
    t.strictSame((await verifyAll(small.path)).damages, [])
    for (const { listed, content } of taken)
      t.strictSame(await readBack(small.path, listed), content, 'every snapshot holds what it held')
    t.equal(Object.keys(taken.at(-1)?.content ?? {}).length, 18)
  })
}

t.test('a pack that is damaged is not joined: a copy would hide that', async (t) => {
  const small = new SmallRepository()
  t.teardown(() => small.remove())
  for (let turn = 0; turn < 5; turn++) {
    small.write('data', { [`file-${turn}`]: 2000 + turn })
    await small.take({ db: ['data'] })
  }
  const [last] = await (await small.open()).list()
  const [damaged = ''] = last ? await packsOf(small.path, last) : []
  const path = join(small.path, 'blobs', damaged.replace(':', '/'))
  const bytes = readFileSync(path)
  bytes[100] = (bytes[100] ?? 0) ^ 1
  writeFileSync(path, bytes)
  small.write('data', { more: 1 })
  const there = await packsOf(small.path, await small.take({ db: ['data'] }, { mostPacks: 3 }))
  t.ok(there.includes(damaged))
  t.ok(there.length < 6, 'others are')
  t.ok((await verifyAll(small.path)).damages.length > 0, 'and verify finds it')
})

t.test('packs of all sizes, in a long series', async (t) => {
  const small = new SmallRepository()
  t.teardown(() => small.remove())
  const counts: number[] = []
  for (let turn = 0; turn < 40; turn++) {
    small.write('data', { [`file-${turn}`]: turn % 3 === 0 ? 300_000 + turn : 3000 + turn })
    const listed = await small.take({ db: ['data'] }, { mostPacks: 10 })
    counts.push((await packsOf(small.path, listed)).length)
  }
  t.ok(Math.max(...counts) <= 10, `${counts}`)
  t.strictSame((await verifyAll(small.path)).damages, [])
})

t.test('there is room for indexes and a key below what registries take', async (t) => {
  t.ok(mostPacks + 24 + 1 + 1 < 500)
})
