import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { extract, type Header, pack } from 'tar-stream'
import { onlyImage } from '../../../src/snapshot/restore/image-archive.ts'

const config = Buffer.from('{"rootfs":{}}')
const hex = createHash('sha256').update(config).digest('hex')
const id = `sha256:${hex}`
const manifest = (overrides = {}) => [
  { Config: `blobs/sha256/${hex}`, RepoTags: ['postgres:17'], Layers: ['a/layer.tar'], ...overrides },
]
const layer = Buffer.alloc(700_000, 'layer')

type Entries = [Partial<Header> & { name: string }, Buffer | string][]

const good = (document: unknown = manifest()): Entries => [
  [{ name: 'a', type: 'directory' }, ''],
  [{ name: 'a/layer.tar' }, layer],
  [{ name: `blobs/sha256/${hex}` }, config],
  [{ name: 'b/layer.tar', type: 'symlink', linkname: '../a/layer.tar' }, ''],
  [{ name: 'manifest.json' }, JSON.stringify(document)],
  [
    { name: 'index.json' },
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ digest: id, annotations: { 'io.containerd.image.name': 'postgres:17' } }],
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
  const found = await read(onlyImage(archive(good()), id))
  t.strictSame(JSON.parse(String(found.get('manifest.json')?.content)), manifest({ RepoTags: null }))
  t.notMatch(String(found.get('index.json')?.content), /postgres/)
  t.notOk(found.has('repositories'))
  t.ok(found.get('a/layer.tar')?.content.equals(layer))
  t.equal(found.get('b/layer.tar')?.header.linkname, '../a/layer.tar')
})

t.test('what is not that image alone is refused', async (t) => {
  const [first = [{ name: 'a' }, '']] = good()
  const link: Entries[number] = [{ name: 'manifest.json', type: 'symlink', linkname: 'x' }, '']
  const hostile: Record<string, Entries> = {
    'it does not hold one image': good([...manifest(), ...manifest()]),
    'it holds another image': good(manifest({ Config: `${'0'.repeat(64)}.json` })),
    'two lists': [...good(), [{ name: './x/../manifest.json' }, JSON.stringify(manifest())]],
    'configuration is another one': good().map(([header, content]) =>
      content === config ? [header, 'other'] : [header, content],
    ),
    'is not such a file': good().map((one) => (one[0].name === 'manifest.json' ? link : one)),
    'its description is not in it': [first],
    'cannot be read': [[{ name: 'manifest.json' }, '{']],
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
