import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { extract, pack } from 'tar-stream'
import { withoutBlobs } from '../../../src/migrate/image-transfer.ts'

const kept = 'a'.repeat(64)
const left = 'b'.repeat(64)

async function archive(entries: Record<string, string>): Promise<Buffer> {
  const tar = pack()
  for (const [name, text] of Object.entries(entries)) tar.entry({ name }, text)
  tar.finalize()
  return buffer(Readable.from(tar))
}

async function entriesOf(tar: Buffer): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const reader = extract()
  Readable.from([tar]).pipe(reader)
  for await (const entry of reader) found[entry.header.name] = (await buffer(entry)).toString()
  return found
}

t.test('blobs that the target has are left out of an image archive, all else passes unchanged', async (t) => {
  const entries = {
    'oci-layout': '{}',
    [`blobs/sha256/${left}`]: 'x'.repeat(100_000),
    [`blobs/sha256/${kept}`]: 'y'.repeat(2000),
    'manifest.json': '[]',
  }
  const filtered = await buffer(withoutBlobs(Readable.from([await archive(entries)]), new Set([left])))
  const { [`blobs/sha256/${left}`]: _, ...expected } = entries
  t.strictSame(await entriesOf(filtered), expected)
})

t.test('a broken archive fails instead of hanging', { timeout: 5000 }, async (t) => {
  const broken = Readable.from([(await archive({ 'manifest.json': 'z'.repeat(5000) })).subarray(0, 1500)])
  await t.rejects(buffer(withoutBlobs(broken, new Set())))
})

t.test('an engine that breaks off in the middle fails the transfer', { timeout: 5000 }, async (t) => {
  const breaking = new Readable({ read() {} })
  const done = buffer(withoutBlobs(breaking, new Set()))
  breaking.push(Buffer.alloc(100))
  breaking.destroy(new Error('connection lost'))
  await t.rejects(done, /connection lost/)
})
