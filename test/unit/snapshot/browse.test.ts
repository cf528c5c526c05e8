import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { diffSnapshots } from '../../../src/snapshot/browse/diff.ts'
import { diffFields } from '../../../src/snapshot/browse/diff-config.ts'
import type { FileEntry } from '../../../src/snapshot/browse/entry.ts'
import { chunksOf, findPlace, listFiles } from '../../../src/snapshot/browse/files.ts'
import { findSnapshot } from '../../../src/snapshot/browse/find.ts'
import { openSnapshot, summaries } from '../../../src/snapshot/browse/summary.ts'
import type { ListedSnapshot } from '../../../src/snapshot/repository/repository.ts'
import { SmallRepository, sealOf } from './harness.ts'

const small = new SmallRepository()
t.teardown(() => small.remove())

async function filesOf(listed: ListedSnapshot, place: string, isRecursive = false): Promise<FileEntry[]> {
  const repository = await small.open()
  const opened = await openSnapshot(repository, sealOf, listed)
  const files: FileEntry[] = []
  const chunks = await chunksOf(repository, opened)
  const work = await repository.workDirectory()
  await listFiles(chunks, work, findPlace(opened.config, place), isRecursive, (file) => files.push(file))
  return files
}

t.test('snapshots are listed, found, browsed and compared', async (t) => {
  small.write('data', { 'a/b.txt': 'hello', 'a-b': 'x', large: 2_500_000, 'a/deep/er/file': 'y', gone: '1' })
  writeFileSync(Buffer.concat([Buffer.from(small.volume('data')), Buffer.from('/odd'), Buffer.of(0xff)]), '')
  symlinkSync('b.txt', join(small.volume('data'), 'a/link'))
  linkSync(join(small.volume('data'), 'a/b.txt'), join(small.volume('data'), 'zz'))
  execFileSync('mkfifo', [join(small.volume('data'), 'pipe')])
  small.write('web', { 'index.html': '<p>' })
  const first = await small.take({ db: ['data'] })
  small.write('data', { 'a/b.txt': 'hellO', 'a/new': 'n' })
  rmSync(join(small.volume('data'), 'gone'))
  chmodSync(join(small.volume('data'), 'large'), 0o4750)
  const second = await small.take({ db: ['data'], web: ['web'] }, { config: { Env: ['PGDATA=/x', 'A=b'] } })
  const repository = await small.open()

  await t.test('lists', async (t) => {
    const all = await summaries(repository, sealOf, undefined)
    t.match(all, [
      { id: first.id, containers: ['db'], files: 9, volumes: 1, engine: 'old', standstill: 'pause' },
      { id: second.id, containers: ['db', 'web'], volumes: 2 },
    ])
    t.equal((await summaries(repository, sealOf, 'web')).length, 1)
  })

  await t.test('finds', async (t) => {
    const find = async (word: string) => (await findSnapshot(repository, sealOf, word)).id
    t.equal(await find('latest'), second.id)
    t.equal(await find('db'), second.id, 'the newest of a container')
    t.equal(await find(first.id), first.id)
    t.equal(await find(first.id.slice(0, 6)), first.id)
    await t.rejects(find('000'), { code: 'ambiguous-snapshot', exitCode: 3 })
    await t.rejects(find('dbx'), { code: 'unknown-snapshot', exitCode: 3 })
    await t.rejects(find(''), { code: 'unknown-snapshot', exitCode: 3 })
  })

  await t.test('browses', async (t) => {
    const names = (files: FileEntry[]) => files.map(({ path }) => path)
    t.strictSame(names(await filesOf(first, 'data')), ['a', 'a-b', 'gone', 'large', 'odd\\xff', 'pipe', 'zz'])
    t.strictSame(names(await filesOf(first, 'data:a')), ['b.txt', 'deep', 'link'])
    t.strictSame(names(await filesOf(first, 'volume:data:/a/deep/', true)), ['er', 'er/file'])
    t.strictSame(names(await filesOf(first, 'data:odd\\xff')), ['odd\\xff'])
    t.match(await filesOf(first, 'data:a/b.txt'), [
      {
        path: 'b.txt',
        type: 'file',
        mode: '0644',
        uid: process.getuid?.(),
        size: 5,
        mtime: '2023-11-14T22:13:20.000000000Z',
      },
    ])
    t.match(await filesOf(first, 'data:a/link'), [{ type: 'symlink', target: 'b.txt' }])
    t.match(await filesOf(first, 'data:zz'), [{ type: 'link', target: 'a/b.txt' }])
    t.match(await filesOf(first, 'data:pipe'), [{ type: 'fifo' }])
    await t.rejects(filesOf(first, 'data:nothing'), { code: 'unknown-path', exitCode: 3 })
    await t.rejects(filesOf(first, 'other:a'), { code: 'unknown-volume', exitCode: 3 })
  })

  await t.test('compares', async (t) => {
    const side = async (listed: ListedSnapshot) => {
      const opened = await openSnapshot(repository, sealOf, listed)
      return { config: opened.config, chunks: await chunksOf(repository, opened) }
    }
    const work = await repository.workDirectory()
    const diff = await diffSnapshots(await side(first), await side(second), work)
    t.match(diff.containers, [
      {
        name: 'db',
        change: 'changed',
        fields: [
          { path: 'config.Env.A', after: 'b' },
          { path: 'config.Env.PGDATA', before: '/data', after: '/x' },
        ],
      },
      { name: 'web', change: 'added' },
    ])
    t.match(diff.trees, [
      { id: 'volume:data', change: 'changed' },
      { id: 'volume:web', change: 'added' },
    ])
    const changes = diff.trees[0]?.files.map(
      ({ change, path, aspects = [] }) => `${change} ${path} ${aspects}`,
    )
    t.strictSame(changes, [
      'changed . time',
      'changed a time',
      'changed a/b.txt content',
      'added a/new ',
      'removed gone ',
      'changed large mode',
    ])
    t.match(await diffSnapshots(await side(first), await side(first), work), { containers: [], trees: [] })
  })
})

t.test('configurations are compared field by field', async (t) => {
  t.strictSame(diffFields({ a: null, b: [] }, { c: {} }), [], 'nothing, null and empty are the same')
  t.strictSame(diffFields({ a: [1, 2] }, { a: [1, 3] }), [{ path: 'a', before: [1, 2], after: [1, 3] }])
  t.strictSame(
    diffFields({ m: [{ destination: '/a', source: 'x' }] }, { m: [{ destination: '/a', source: 'y' }] }),
    [{ path: 'm./a.source', before: 'x', after: 'y' }],
  )
  t.strictSame(
    diffFields({ e: ['A=1', 'B=2'] }, { e: ['B=2', 'A=1'] }),
    [],
    'the order of variables says nothing',
  )
  t.strictSame(diffFields({ Cmd: ['a', 'b=1'] }, { Cmd: ['b=1', 'a'] }).length, 1, 'that of a command does')
})
