import t from 'tap'
import { newKey, readBack, SmallRepository, verifyAll } from './harness.ts'
import { planned, pruneNow } from './pruning.ts'

t.test('snapshots of several keys in one repository are pruned, each in its own packs', async (t) => {
  const small = new SmallRepository()
  t.teardown(() => small.remove())
  const repository = await small.open()
  const keys = [await newKey(repository), await newKey(repository), {}]
  const stay = []
  for (const [index, key] of keys.entries()) {
    const volume = `data-${index}`
    small.write(volume, { kept: 70_000, old: 190_000, 'a/b.txt': 'hello' })
    await small.take({ [`db-${index}`]: [volume] }, key)
    small.write(volume, { old: 10, new: 60_000 })
    stay.push(await small.take({ [`db-${index}`]: [volume] }, key))
  }
  const wanted = await Promise.all(stay.map((listed) => readBack(small.path, listed)))
  t.strictSame((await verifyAll(small.path)).damages, [])
  const { removed, republished } = await pruneNow(small.path, { last: 1 })
  t.equal(removed.length, 3)
  t.equal(republished.length, 3)
  t.strictSame((await verifyAll(small.path)).damages, [])
  const left = await repository.list()
  for (const [index, { id }] of stay.entries()) {
    const listed = left.find((snapshot) => snapshot.id === id)
    t.strictSame(listed && (await readBack(small.path, listed)), wanted[index])
  }
  t.match(await planned(small.path, { last: 1 }), { surplus: [], repack: [] })
  for (const [index, key] of keys.entries()) await small.take({ [`db-${index}`]: [`data-${index}`] }, key)
  t.strictSame((await verifyAll(small.path)).damages, [], 'new snapshots build on them')
})
