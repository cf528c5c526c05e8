import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Damages } from '../../../src/snapshot/verify/damages.ts'
import { checkList } from '../../../src/snapshot/verify/list.ts'
import { drawPacks } from '../../../src/snapshot/verify/packs.ts'
import { SmallRepository, verifyAll } from './harness.ts'

const small = new SmallRepository()
t.teardown(() => small.remove())

const broken = join(small.directory, 'broken')

/** A copy of the repository in which one file is another. */
function breakFile(name: string, how: (path: string) => void): void {
  rmSync(broken, { recursive: true, force: true })
  cpSync(small.path, broken, { recursive: true })
  how(join(broken, name))
}

function flip(path: string, byte: number, bit: number): void {
  const content = readFileSync(path)
  content[byte] = (content[byte] ?? 0) ^ (1 << bit)
  writeFileSync(path, content)
}

/** Whether verify says that a file is damaged: by its name, or as what index.json names and is not there. */
async function names(file: string): Promise<boolean> {
  const { damages } = await verifyAll(broken)
  const name = file.startsWith('blobs/') ? `sha256:${file.split('/').at(-1)}` : file
  return damages.some((damage) => damage.message.includes(name))
}

t.test('every damage is named', async (t) => {
  small.write('data', { 'a/b.txt': 'hello', large: 300_000 })
  small.write('web', { 'index.html': '<p>' })
  const first = await small.take({ db: ['data'] })
  small.write('data', { 'a/c.txt': 'more' })
  const second = await small.take({ db: ['data'], web: ['web'] })
  const blobs = readdirSync(join(small.path, 'blobs/sha256')).map((name) => `blobs/sha256/${name}`)
  t.equal(blobs.length, 8, 'two snapshots of a manifest, a config, an index and a pack each')

  await t.test('none where there is none', async (t) => {
    const { damages, snapshots } = await verifyAll(small.path)
    t.strictSame(damages, [])
    t.match(snapshots, [
      { id: second.id, isWhole: true },
      { id: first.id, isWhole: true },
    ])
  })

  await t.test('of every file', async (t) => {
    for (const file of [...blobs, 'index.json', 'oci-layout']) {
      const { size } = statSync(join(small.path, file))
      for (const byte of [0, size >> 1, size - 2]) {
        breakFile(file, (path) => flip(path, byte, byte % 8))
        t.ok(await names(file), `a bit at ${byte} of ${file}`)
      }
      for (const length of [0, size >> 1, size - 2]) {
        breakFile(file, (path) => truncateSync(path, length))
        t.ok(await names(file), `${file} cut to ${length}`)
      }
      breakFile(file, (path) => rmSync(path))
      t.ok(await names(file), `${file} removed`)
      breakFile(file, (path) => writeFileSync(path, '[null, {"manifests": 3}, "sha256:'))
      t.ok(await names(file), `${file} is something else`)
    }
  })

  await t.test('of every bit of the list', async (t) => {
    const list = join(small.path, 'index.json')
    const repository = await small.open()
    const content = readFileSync(list)
    const unseen: number[] = []
    for (let byte = 0; byte < content.length - 1; byte++) {
      const damages = new Damages()
      flip(list, byte, byte % 8)
      await checkList(repository, damages)
      if (damages.all.length === 0) unseen.push(byte)
      writeFileSync(list, content)
    }
    t.strictSame(unseen, [])
  })

  await t.test('with what it costs', async (t) => {
    const packs = blobs.filter((file) => statSync(join(small.path, file)).size > 200_000)
    breakFile(packs[0] ?? '', (path) => flip(path, 150_000, 3))
    const { snapshots } = await verifyAll(broken)
    for (const snapshot of snapshots) {
      t.match(snapshot, { isWhole: false, isReadable: true, lost: [], lostFileCount: 1 })
      t.strictSame(snapshot.lostFiles, [{ tree: 'volume:data', path: 'large' }])
    }
    t.strictSame(
      (await verifyAll(broken, false)).damages,
      [],
      'a bit in a pack is not seen without reading it',
    )
  })

  await t.test('of several at once', async (t) => {
    breakFile('index.json', (path) => {
      for (const file of blobs) rmSync(join(broken, file))
      t.ok(path)
    })
    const { damages, snapshots } = await verifyAll(broken)
    t.equal(damages.length, 2, 'of what no manifest names any more nothing is known')
    t.match(snapshots, [{ isReadable: false }, { isReadable: false }])
  })

  await t.test('snapshots are found without the list', async (t) => {
    breakFile('index.json', (path) => rmSync(path))
    const { damages, snapshots } = await verifyAll(broken)
    t.match(damages, [{ kind: 'list', problem: 'missing' }])
    t.match(snapshots, [
      { id: second.id, isWhole: true },
      { id: first.id, isWhole: true },
    ])
  })
})

t.test('a part is drawn by a seed', async (t) => {
  const packs = Array.from({ length: 100 }, (_, index) => ({
    digest: `sha256:${index}`,
    size: 10,
    chunks: [],
  }))
  const drawn = drawPacks(packs, { percent: 7, seed: 'x' })
  t.equal(drawn.length, 7)
  t.strictSame(drawPacks(packs.toReversed(), { percent: 7, seed: 'x' }), drawn)
  t.notSame(drawPacks(packs, { percent: 7, seed: 'y' }), drawn)
  t.equal(drawPacks(packs, { percent: 0.01, seed: 'x' }).length, 1)
  t.equal(drawPacks(packs, { percent: 100, seed: 'x' }).length, 100)
})
