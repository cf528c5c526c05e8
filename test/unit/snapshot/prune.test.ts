import { cpSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type t as tap } from 'tap'
import { DirectoryRepository } from '../../../src/snapshot/repository/directory.ts'
import { mediaTypes } from '../../../src/snapshot/repository/oci.ts'
import { readBack, SmallRepository, verifyAll } from './harness.ts'
import { planned, pruneNow } from './pruning.ts'

/** A repository in which most of the first pack is needed by the first snapshot alone. */
async function withWaste(t: Pick<typeof tap, 'teardown'>, count = 1) {
  const small = new SmallRepository()
  t.teardown(() => small.remove())
  small.write('data', { kept: 700_000, old: 1_900_000, 'a/b.txt': 'hello' })
  const first = await small.take({ db: ['data'] })
  small.write('data', { old: 10, new: 600_000 })
  const later = [await small.take({ db: ['data'] })]
  for (let more = 1; more < count; more++) {
    small.write('data', { new: 600_000 + more })
    later.push(await small.take({ db: ['data'] }))
  }
  return { small, first, later }
}

const blobsOf = (path: string) => readdirSync(join(path, 'blobs/sha256'))
const bytesOf = (path: string) =>
  blobsOf(path).reduce((sum, name) => sum + statSync(join(path, 'blobs/sha256', name)).size, 0)
const listOf = async (path: string) => (await DirectoryRepository.open(path)).list()

t.test('what a policy removes goes, and packs that are mostly unneeded are written anew', async (t) => {
  const { small, first, later } = await withWaste(t, 2)
  const wanted = await Promise.all(later.map((listed) => readBack(small.path, listed)))
  const before = bytesOf(small.path)
  const plan = await planned(small.path, { last: 2 })
  t.match(plan.snapshots, [
    { id: later[1]?.id, stays: true, reasons: ['last 1'] },
    { id: later[0]?.id, stays: true, reasons: ['last 2'] },
    { id: first.id, stays: false },
  ])
  t.equal(plan.repack.length, 1)
  t.equal(bytesOf(small.path), before, 'a plan changes nothing')

  const done = await pruneNow(small.path, { last: 2 })
  t.strictSame(done.removed, [first.id])
  t.strictSame(done.republished.toSorted(), later.map(({ id }) => id).toSorted())
  t.ok(bytesOf(small.path) < before - 1_800_000, 'the disk has room again')
  t.strictSame((await verifyAll(small.path)).damages, [])
  const left = (await listOf(small.path)).toReversed()
  t.strictSame(
    left.map(({ id, createdAt, title }) => ({ id, createdAt, title })),
    later.map(({ id, createdAt, title }) => ({ id, createdAt, title })),
  )
  for (const [index, listed] of left.entries())
    t.strictSame(await readBack(small.path, listed), wanted[index])

  const again = await planned(small.path, { last: 2 })
  t.match(again, { surplus: [], repack: [], halfWritten: [] }, 'nothing is left to do')
  await small.take({ db: ['data'] })
  t.strictSame((await verifyAll(small.path)).damages, [], 'a new snapshot builds on what is there')
})

t.test('what a manifest names beside indexes and packs stays named', async (t) => {
  const { small, later } = await withWaste(t)
  const repository = await small.open()
  for (const listed of later) {
    const manifest = await repository.readManifest(listed)
    const key = await repository.add(Buffer.from('key'), mediaTypes.key)
    await repository.publish({ ...manifest, layers: [key, ...manifest.layers] }, listed)
  }
  t.equal((await pruneNow(small.path, { last: 1 })).republished.length, 1)
  t.strictSame((await verifyAll(small.path)).damages, [])
  for (const listed of await listOf(small.path)) {
    const [key] = (await repository.readManifest(listed)).layers
    t.equal(key?.mediaType, mediaTypes.key)
    t.equal((await repository.read(key?.digest ?? '')).toString(), 'key')
  }
})

t.test('without a policy only surplus goes', async (t) => {
  const { small, first } = await withWaste(t)
  const repository = await small.open()
  await repository.unlist([first])
  const surplus = await repository.add(Buffer.from('nobody’s'), 'text/plain')
  const { removed } = await pruneNow(small.path)
  t.strictSame(removed, [])
  t.notOk(blobsOf(small.path).includes(surplus.digest.slice(7)))
  t.strictSame((await verifyAll(small.path)).damages, [])
  t.equal((await listOf(small.path)).length, 1)
})

t.test('one set of containers does not answer for another', async (t) => {
  const small = new SmallRepository()
  t.teardown(() => small.remove())
  small.write('data', { a: '1' })
  const web = await small.take({ web: ['data'] })
  const elsewhere = await small.take({ db: ['data'] }, { engineId: 'ENGINE-2' })
  const old = await small.take({ db: ['data'] })
  const both = await small.take({ db: ['data'], web: ['data'] })
  const latest = await small.take({ db: ['data'] })
  const { removed } = await pruneNow(small.path, { last: 1 })
  t.strictSame(removed, [old.id])
  const ids = (await listOf(small.path)).map(({ id }) => id)
  t.strictSame(
    ids,
    [latest, both, elsewhere, web].map(({ id }) => id),
  )
})

t.test('files that dead runs left half-written go, those of live ones stay', async (t) => {
  const { small } = await withWaste(t)
  const dead = [
    `wherry/incoming/pack-999999999-ab`,
    'wherry/incoming/odd',
    `blobs/sha256/${'0'.repeat(64)}.999999999.tmp`,
  ]
  const live = `wherry/incoming/pack-${process.ppid}-ab`
  for (const file of [...dead, live]) writeFileSync(join(small.path, file), 'x')
  t.equal((await planned(small.path)).halfWritten.length, dead.length)
  await pruneNow(small.path)
  for (const file of dead) t.throws(() => statSync(join(small.path, file)), { code: 'ENOENT' })
  t.ok(statSync(join(small.path, live)))
})

t.test('what is damaged is neither spread nor removed', async (t) => {
  const { small, first, later } = await withWaste(t)
  const path = join(small.directory, 'broken')
  const broken = (name: string) => {
    rmSync(path, { recursive: true, force: true })
    cpSync(small.path, path, { recursive: true })
    return join(path, 'blobs/sha256', name)
  }
  const blob = (digest: string) => digest.slice('sha256:'.length)
  const repository = await small.open()
  const manifest = await repository.readManifest(later[0] ?? first)

  await t.test('a manifest: nothing can be told', async (t) => {
    rmSync(broken(blob(first.manifest.digest)))
    await t.rejects(pruneNow(path, { last: 1 }), { exitCode: 8, message: first.id })
    await t.rejects(pruneNow(path), { code: 'not-verified' })
    await (await DirectoryRepository.open(path)).unlist([first])
    await pruneNow(path)
    t.strictSame((await verifyAll(path)).damages, [], 'without it all is well')
  })

  await t.test('the newest snapshot: the one before stays', async (t) => {
    for (const { digest } of [manifest.config, ...manifest.layers]) {
      rmSync(broken(blob(digest)))
      const { removed } = await pruneNow(path, { last: 1 })
      t.strictSame(removed, [], digest)
    }
  })

  await t.test('a chunk: its pack stays as it is', async (t) => {
    const own = new Set(manifest.layers.map(({ digest }) => digest))
    const shared = (await repository.readManifest(first)).layers.find(
      ({ digest, size }) => own.has(digest) && size > 1_000_000,
    )
    const file = broken(blob(shared?.digest ?? ''))
    const content = readFileSync(file)
    // `kept`, which the later snapshot needs, comes before `old`.
    content[20_000] = (content[20_000] ?? 0) ^ 1
    writeFileSync(file, content)
    const warnings: object[] = []
    await pruneNow(path, { last: 1 }, (event) => warnings.push(event))
    t.match(
      warnings.filter((event) => 'code' in event),
      [{ code: 'pack-damaged' }],
    )
    t.ok(statSync(file), 'the pack stays')
    const { damages } = await verifyAll(path)
    t.ok(damages.length > 0, 'and so does what verify says of it')
  })
})

t.test('a repository is not made anew where one was', async (t) => {
  const { small } = await withWaste(t)
  const now = new Date()
  utimesSync(small.path, now, now)
  rmSync(join(small.path, 'index.json'))
  await t.rejects(
    small.open().then((repository) => repository.list()),
    { code: 'blob-missing', exitCode: 8 },
  )
  rmSync(join(small.path, 'oci-layout'))
  await t.rejects(small.open(), { code: 'blob-missing', exitCode: 8 })
  await t.rejects(pruneNow(small.path), { code: 'blob-missing' })
})
