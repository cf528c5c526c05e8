import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { extract, type Header, pack } from 'tar-stream'
import { onlyImage } from '../../../src/snapshot/restore/image-archive.ts'

const sha256 = (content: Buffer | string) => createHash('sha256').update(content).digest('hex')
const config = Buffer.from('{"rootfs":{}}')
const hex = sha256(config)
const id = `sha256:${hex}`
const [first, second] = [sha256('one layer'), sha256('another')]
const layer = Buffer.alloc(2_000_000, 'layer')
const manifest = (overrides = {}) => [
  { Config: `blobs/sha256/${hex}`, RepoTags: ['postgres:17'], Layers: [`${first}/layer.tar`], ...overrides },
]

type Entries = [Partial<Header> & { name: string }, Buffer | string][]

const good = (document: unknown = manifest()): Entries => [
  [{ name: first, type: 'directory' }, ''],
  [{ name: `${first}/layer.tar` }, layer],
  [{ name: `blobs/sha256/${hex}` }, config],
  [{ name: `${second}/layer.tar`, type: 'symlink', linkname: `../${first}/layer.tar` }, ''],
  [{ name: 'manifest.json' }, typeof document === 'string' ? document : JSON.stringify(document)],
  [
    { name: 'index.json' },
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ digest: id, annotations: { 'io.containerd.image.name': 'postgres:17' } }],
      Manifests: [{ digest: id, annotations: { 'io.containerd.image.name': 'postgres:17' } }],
    }),
  ],
  [{ name: 'repositories' }, '{"postgres":{"17":"a"}}'],
]

function archive(entries: Entries): Readable {
  const tar = pack()
  for (const [header, content] of entries) tar.entry(header, content as Buffer)
  tar.finalize()
  return Readable.from(tar as unknown as AsyncIterable<Buffer>, { objectMode: false })
}

async function read(stream: Readable): Promise<Map<string, { header: Header; content: Buffer }>> {
  const found = new Map<string, { header: Header; content: Buffer }>()
  const entries = extract()
  stream.on('error', (error) => entries.destroy(error))
  stream.pipe(entries as unknown as NodeJS.WritableStream)
  for await (const entry of entries) {
    found.set(entry.header.name, { header: entry.header, content: await buffer(entry as never) })
  }
  return found
}

t.test('an archive arrives as the image alone, without names', async (t) => {
  // Go takes a field however its name is written, and of two the later one.
  const found = await read(onlyImage(archive(good(manifest({ repotags: ['postgres:17'] }))), id))
  t.strictSame(JSON.parse(String(found.get('manifest.json')?.content)), manifest({ RepoTags: null }))
  t.notMatch(String(found.get('index.json')?.content), /postgres|Manifests/)
  t.notOk(found.has('repositories'))
  t.ok(found.get(`${first}/layer.tar`)?.content.equals(layer))
  t.equal(found.get(`${second}/layer.tar`)?.header.linkname, `../${first}/layer.tar`)
})

t.test('what tar says twice is said once', async (t) => {
  const pax = { 'GNU.sparse.name': 'manifest.json' }
  const entries = good().map(([header, content]): Entries[number] => [
    header.name === 'index.json' ? ({ ...header, pax } as Entries[number][0]) : header,
    content,
  ])
  const bytes = await buffer(onlyImage(archive(entries), id))
  t.notOk(bytes.includes('GNU.sparse'))
})

t.test('with containerd’s image store the id is that of a manifest or an index', async (t) => {
  const one = JSON.stringify({ schemaVersion: 2, config: { digest: id }, layers: [] })
  const index = JSON.stringify({
    manifests: [{ digest: 'sha256:none' }, { digest: `sha256:${sha256(one)}` }],
  })
  const entries: Entries = [
    [{ name: `blobs/sha256/${sha256(one)}` }, one],
    [{ name: `blobs/sha256/${sha256(index)}` }, index],
    ...good(),
  ]
  for (const known of [one, index]) await buffer(onlyImage(archive(entries), `sha256:${sha256(known)}`))
  await t.rejects(buffer(onlyImage(archive(entries), `sha256:${first}`)), {
    message: /it holds another image/,
  })
})

t.test('what is not that image alone is refused', async (t) => {
  const changed = (name: string, entry: Entries[number]) =>
    good().map((one) => (one[0].name === name ? entry : one))
  const hostile: Record<string, Entries> = {
    'it does not hold one image': good([...manifest(), ...manifest()]),
    'it holds another image': good(manifest({ Config: `${'0'.repeat(64)}.json` })),
    'manifest.json\\\\?" twice': [...good(), [{ name: 'manifest.json' }, JSON.stringify(manifest())]],
    'its description is none': good(manifest({ Layers: ['../../etc/passwd'] })),
    'is another one': changed(`blobs/sha256/${hex}`, [{ name: `blobs/sha256/${hex}` }, 'other']),
    'puts .*"manifest.json': changed('manifest.json', [
      { name: 'manifest.json', type: 'symlink', linkname: 'x' },
      '',
    ]),
    'puts .*"y"': [[{ name: 'y', type: 'symlink', linkname: '.' }, ''], ...good()],
    'puts .*"y/manifest.json"': [[{ name: 'y/manifest.json' }, '[]'], ...good()],
    'puts .*"./x/../manifest.json"': [[{ name: './x/../manifest.json' }, '[]'], ...good()],
    [`puts .*${second}/layer.tar`]: changed(`${second}/layer.tar`, [
      { name: `${second}/layer.tar`, type: 'symlink', linkname: '/etc/shadow' },
      '',
    ]),
    'puts .*"disk"': [[{ name: 'disk', type: 'block-device' }, ''], ...good()],
    'its description is not in it': good().slice(0, 1),
    'cannot be read': good('{'),
  }
  for (const [why, entries] of Object.entries(hostile)) {
    await t.rejects(
      buffer(onlyImage(archive(entries), id)),
      { code: 'not-verified', message: new RegExp(why) },
      why,
    )
  }
})

t.test('a damaged source is named', async (t) => {
  const broken = Readable.from(
    (async function* () {
      yield Buffer.alloc(512)
      throw new Error('chunk 3 is damaged')
    })(),
    { objectMode: false },
  )
  await t.rejects(buffer(onlyImage(broken, id)), { message: /chunk 3 is damaged/ })
})
