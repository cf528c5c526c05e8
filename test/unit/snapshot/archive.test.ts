import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { pack } from 'tar-stream'
import { importArchive } from '../../../src/snapshot/archive-reader.ts'
import { exportSnapshot } from '../../../src/snapshot/archive-writer.ts'
import { DirectoryRepository } from '../../../src/snapshot/repository/directory.ts'
import { annotations, mediaTypes } from '../../../src/snapshot/repository/oci.ts'
import { makeSnapshot } from '../../lab/harness/made-snapshot.ts'

const base = await mkdtemp(join(tmpdir(), 'wherry-archive-'))
t.teardown(() => rm(base, { recursive: true, force: true }))
const report = () => undefined
const { signal } = new AbortController()
let count = 0

const fresh = () => DirectoryRepository.openOrCreate(join(base, `repo-${++count}`))
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex')

/** Imports bytes, and says what became of the repository. */
async function importInto(to: DirectoryRepository, bytes: Buffer) {
  const input = Readable.from([bytes.subarray(0, 700), bytes.subarray(700)])
  return importArchive({ input, to, report, signal })
}

interface File {
  name: string
  content?: Buffer | string
  type?: 'symlink' | 'link' | 'directory' | 'fifo'
}

async function tar(files: File[]): Promise<Buffer> {
  const archive = pack()
  for (const { name, content, type } of files) {
    if (type) archive.entry({ name, type, linkname: '/etc/passwd' })
    else archive.entry({ name }, Buffer.from(content ?? ''))
  }
  archive.finalize()
  return buffer(archive as unknown as Readable)
}

/** The files of an archive with one snapshot of two blobs. */
function layout(change: { config?: string; artifactType?: string } = {}): File[] {
  const config = Buffer.from(change.config ?? '{}')
  const layer = Buffer.from('layer')
  const of = (content: Buffer, mediaType: string) => ({
    mediaType,
    digest: `sha256:${sha256(content)}`,
    size: content.length,
  })
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType: change.artifactType ?? mediaTypes.snapshot,
      config: of(config, mediaTypes.config),
      layers: [of(layer, mediaTypes.pack)],
      annotations: { [annotations.id]: '0123456789ab', [annotations.created]: '2026-01-01T00:00:00.000Z' },
    }),
  )
  const blob = (content: Buffer) => ({ name: `blobs/sha256/${sha256(content)}`, content })
  return [
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'blobs/', type: 'directory' },
    blob(config),
    blob(layer),
    blob(manifest),
    { name: 'index.json', content: JSON.stringify({ manifests: [of(manifest, mediaTypes.manifest)] }) },
  ]
}

t.test('what is exported is imported, whole and the same', async (t) => {
  const from = await fresh()
  const snapshot = await makeSnapshot(from, 9 << 20)
  const output = new PassThrough()
  const written = buffer(output)
  const exported = await exportSnapshot({ from, snapshot, output, report, signal })
  output.end()
  const bytes = await written
  t.match(exported, { id: snapshot.id, copied: { blobs: 3 }, digest: snapshot.manifest.digest })
  const to = await fresh()
  t.match(await importInto(to, bytes), { snapshots: [{ id: snapshot.id, title: 'shop', isNew: true }] })
  const [listed] = await to.list()
  t.equal(listed?.manifest.digest, snapshot.manifest.digest)
  t.match(await importInto(to, bytes), { snapshots: [{ isNew: false }], bytesStored: 0 })
  t.strictSame(await readdir(join(to.name, 'wherry', 'incoming')), [])

  for (const length of [0, 100, 512, 5000, 8 << 20, bytes.length - 2048]) {
    const cut = await fresh()
    const error = await importInto(cut, bytes.subarray(0, length)).catch((error) => error)
    t.match(error, { exitCode: 8, message: /cut short|ends before/ }, `cut off after ${length} bytes`)
    t.strictSame(await cut.list(), [])
    t.strictSame(await readdir(join(cut.name, 'wherry', 'incoming')), [])
  }
})

t.test('the order of an archive and names with ./ do not matter', async (t) => {
  const files = layout().map((file) => ({ ...file, name: `./${file.name}` }))
  const to = await fresh()
  const more = [
    { name: './wherry/locks/x', content: 'x' },
    { name: 'manifest.json', content: '[]' },
  ]
  t.match(await importInto(to, await tar([...files.reverse(), ...more])), {
    snapshots: [{ id: '0123456789ab' }],
  })
})

const hostile: [string, File[], number, RegExp][] = [
  ['a path with ..', [{ name: 'blobs/../../x', content: 'x' }], 3, /leads out of it/],
  ['an absolute path', [{ name: '/etc/x', content: 'x' }], 3, /leads out of it/],
  ['a symbolic link', [{ name: 'blobs/sha256', type: 'symlink' }], 3, /is a symlink/],
  ['a hard link', [{ name: 'index.json', type: 'link' }], 3, /is a link/],
  ['a pipe', [{ name: 'oci-layout', type: 'fifo' }], 3, /is a fifo/],
  ['a blob of another name', [{ name: 'blobs/sha256/abc', content: 'x' }], 3, /not named after/],
  ['a blob of another algorithm', [{ name: 'blobs/md5/abc', content: 'x' }], 3, /not named after/],
  [
    'a blob that is not its name',
    [{ name: `blobs/sha256/${'0'.repeat(64)}`, content: 'x' }],
    8,
    /is not what its name says/,
  ],
  ['two indexes', [{ name: 'index.json', content: '{}' }], 3, /two files index\.json/],
  [
    'another layout',
    [{ name: 'oci-layout', content: '{"imageLayoutVersion":"9"}' }],
    3,
    /no OCI image layout/,
  ],
  ['an index that is no JSON', [{ name: 'oci-layout', content: '{' }], 3, /no JSON document/],
]
for (const [what, files, exitCode, message] of hostile) {
  t.test(`${what} is refused`, async (t) => {
    const to = await fresh()
    await t.rejects(importInto(to, await tar([...layout(), ...files])), { exitCode, message })
    t.strictSame(await to.list(), [])
    t.strictSame(await readdir(join(to.name, 'wherry', 'incoming')), [])
  })
}

t.test('what an index or manifest names has to be there', async (t) => {
  const files = layout()
  for (const [index, message] of [
    [2, /1 blobs of snapshot 0123456789ab are missing/],
    [3, /1 blobs of snapshot 0123456789ab are missing/],
    [4, /manifest sha256:[0-9a-f]+ is missing/],
    [5, /ends before its index\.json/],
  ] as const) {
    const to = await fresh()
    await t.rejects(importInto(to, await tar(files.filter((_, at) => at !== index))), {
      exitCode: 8,
      message,
    })
    t.strictSame(await to.list(), [])
  }
  await t.rejects(importInto(await fresh(), await tar(layout({ artifactType: 'image' }))), {
    exitCode: 3,
    message: /holds no snapshot/,
  })
  await t.rejects(importInto(await fresh(), Buffer.alloc(5000, 'not a tar file')), {
    exitCode: 3,
    message: /no tar file/,
  })
})

t.test('an entry that is said to be larger than the disk is refused before it comes', async (t) => {
  const head = (await tar([{ name: `blobs/sha256/${'0'.repeat(64)}`, content: 'x' }])).subarray(0, 512)
  // 4 EiB, as base-256 (the size of a file that is too large for octal digits).
  head.fill(0, 124, 136)
  head[124] = 0x80
  head[128] = 0x40
  head.fill(' ', 148, 156)
  const sum = head.reduce((total, byte) => total + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  await t.rejects(importInto(await fresh(), Buffer.concat([head, Buffer.alloc(100_000)])), {
    code: 'no-space',
    exitCode: 3,
  })
})

t.test('another snapshot of the same id is not put in its place', async (t) => {
  const to = await fresh()
  await importInto(to, await tar(layout()))
  const before = await to.list()
  await t.rejects(importInto(to, await tar(layout({ config: '{"other":1}' }))), { code: 'id-taken' })
  t.strictSame(await to.list(), before)
})
