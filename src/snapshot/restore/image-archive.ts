import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Extract, extract, type Header, type Pack, pack } from 'tar-stream'
import { NotVerifiedError } from '../../model/errors.ts'

/** More than any image's list of its layers. */
const maxDocumentBytes = 16 << 20

type Entry = Extract extends AsyncIterable<infer E> ? E : never

/**
 * An image's archive (`docker save`) as an engine may load it: that one image and no name, so that whoever made the
 * snapshot cannot put an image of his own behind a name that the engine knows. The stream fails with NotVerifiedError
 * before its end where it is anything but the image of that id.
 */
export function onlyImage(archive: Readable, id: string): Readable {
  const entries = extract()
  const out = pack()
  const reading = pipeline(archive, entries as unknown as NodeJS.WritableStream)
  // Its failure reaches the entries, and those who read them.
  reading.catch((error) => entries.destroy(error as Error))
  copyEntries(entries, out, id).then(
    () => out.finalize(),
    (error) => {
      archive.destroy()
      out.destroy(error as Error)
    },
  )
  return out as unknown as Readable
}

async function copyEntries(entries: Extract, out: Pack, id: string): Promise<void> {
  const seen = { manifest: false, config: false }
  const hex = id.replace(/^sha256:/, '')
  for await (const entry of entries) {
    const path = posix.normalize(`/${entry.header.name}`).slice(1)
    if (path === 'repositories') {
      entry.resume()
    } else if (path === 'manifest.json') {
      if (seen.manifest) throw notTheImage('it has two lists of its images')
      seen.manifest = true
      await write(out, entry.header, withoutNames(await documentOf(entry), hex))
    } else if (path === 'index.json') {
      await write(out, entry.header, withoutAnnotations(await documentOf(entry)))
    } else if (path === `${hex}.json` || path === `blobs/sha256/${hex}`) {
      await write(out, entry.header, await configOf(entry, hex))
      seen.config = true
    } else await copy(out, entry)
  }
  if (!seen.manifest || !seen.config) throw notTheImage('its description is not in it')
}

/** manifest.json of an archive: one image, by the digest of its configuration, with no name. */
function withoutNames(document: unknown, hex: string): Buffer {
  const [image, ...others] = Array.isArray(document) ? (document as Record<string, unknown>[]) : []
  if (!image || others.length > 0) throw notTheImage('it does not hold one image')
  if (image.Config !== `${hex}.json` && image.Config !== `blobs/sha256/${hex}`)
    throw notTheImage('it holds another image')
  return Buffer.from(JSON.stringify([{ ...image, RepoTags: null }]))
}

/** index.json of an archive: engines with containerd's image store read names from its annotations. */
function withoutAnnotations(document: unknown): Buffer {
  const { manifests, annotations: _, ...rest } = document as { manifests?: unknown; annotations?: unknown }
  const plain = (Array.isArray(manifests) ? manifests : []).map(({ annotations: _, ...one }) => one)
  return Buffer.from(JSON.stringify({ ...rest, manifests: plain }))
}

async function configOf(entry: Entry, hex: string): Promise<Buffer> {
  const content = await contentOf(entry)
  if (createHash('sha256').update(content).digest('hex') !== hex)
    throw notTheImage('its configuration is another one')
  return content
}

async function documentOf(entry: Entry): Promise<unknown> {
  try {
    return JSON.parse((await contentOf(entry)).toString())
  } catch (error) {
    if (error instanceof NotVerifiedError) throw error
    throw notTheImage(`its ${entry.header.name} cannot be read`)
  }
}

async function contentOf(entry: Entry): Promise<Buffer> {
  const { name, size, type } = entry.header
  // A link in its place would let what it leads to be read instead.
  if (type !== 'file' || (size ?? 0) > maxDocumentBytes) throw notTheImage(`its ${name} is not such a file`)
  const pieces: Buffer[] = []
  for await (const piece of entry as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces)
}

function write(out: Pack, header: Header, content: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    out.entry({ ...header, size: content.length }, content, (error) => (error ? reject(error) : resolve()))
  })
}

async function copy(out: Pack, entry: Entry): Promise<void> {
  const { size, type } = entry.header
  const isFile = type === 'file' || type === 'contiguous-file'
  if (!isFile) {
    await new Promise<void>((resolve, reject) => {
      out.entry(entry.header, (error) => (error ? reject(error) : resolve()))
    })
    entry.resume()
    return
  }
  await new Promise<void>((resolve, reject) => {
    const sink = out.entry({ ...entry.header, size: size ?? 0 }, (error) =>
      error ? reject(error) : resolve(),
    )
    entry.on('error', reject)
    entry.pipe(sink)
  })
}

function notTheImage(why: string): NotVerifiedError {
  return new NotVerifiedError(`The image in the snapshot is not the one that it is said to be: ${why}.`, {
    suggestions: ['Take another snapshot, or load the image on the target yourself, and restore again.'],
  })
}
