import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { type Extract, extract, type Header, type Pack, pack } from 'tar-stream'
import type { NotVerifiedError } from '../../model/errors.ts'
import { type ArchivedImage, leadsTo, notTheImage, plainIndex, plainManifest } from './archived-image.ts'

/** Documents are smaller, layers most often larger. */
const maxDocumentBytes = 1 << 20
/** So much of what may be a document is kept in memory. */
const maxKeptBytes = 64 << 20

const hex = '[0-9a-f]{64}'
const directories = new RegExp(`^(blobs|blobs/sha256|${hex})/?$`)
const blobs = new RegExp(`^(?:blobs/sha256/)?(${hex})(?:\\.json)?$`)
const files = new RegExp(`^(oci-layout|blobs/sha256/${hex}|${hex}\\.json|${hex}/(layer\\.tar|json|VERSION))$`)
const layers = new RegExp(`^${hex}/layer\\.tar$`)
const layerLinks = new RegExp(`^\\.\\./${hex}/layer\\.tar$`)

type Entry = Extract extends AsyncIterable<infer E> ? E : never

/**
 * An image's archive (`docker save`) as an engine may load it: that one image and no name, so that whoever made the
 * snapshot cannot put an image of his own behind a name that the engine knows. Only what engines themselves put into such
 * archives passes, under headers made anew. The stream fails with NotVerifiedError before its end where it is anything but the
 * image of that id.
 */
export function onlyImage(archive: Readable, id: string): Readable {
  const entries = extract()
  const out = pack()
  // Its failure reaches the entries, and those who read them; once something is refused, nobody does any more.
  archive.on('error', (error) => entries.destroy(error))
  archive.on('close', () => archive.readableEnded || entries.destroy(new Error('the image is cut short')))
  entries.on('error', () => undefined)
  archive.pipe(entries as unknown as NodeJS.WritableStream)
  new Filter(out, id).run(entries).then(
    () => out.finalize(),
    (error) => {
      archive.destroy()
      out.destroy(error as Error)
    },
  )
  return out as unknown as Readable
}

class Filter {
  readonly #out: Pack
  readonly #id: string
  readonly #seen = new Set<string>()
  /** By digest, what is as small as a document and what its name says. */
  readonly #documents = new Map<string, Buffer>()
  #kept = 0
  #image: ArchivedImage | undefined

  constructor(out: Pack, id: string) {
    this.#out = out
    this.#id = id.replace(/^sha256:/, '')
  }

  async run(entries: Extract): Promise<void> {
    for await (const entry of entries) await this.#take(entry)
    if (!this.#image) throw notTheImage('its description is not in it')
    if (!leadsTo(this.#documents, this.#id, this.#image.config)) throw notTheImage('it holds another image')
  }

  async #take(entry: Entry): Promise<void> {
    const { name, type } = entry.header
    // One that is refused is not read to its end.
    entry.on('error', () => undefined)
    if (type === 'directory') {
      if (!directories.test(name)) throw stranger(name)
      entry.resume()
      return this.#write({ name, type, mode: 0o755 })
    }
    if (this.#seen.has(name)) throw notTheImage(`it holds ${shown(name)} twice`)
    this.#seen.add(name)
    if (type === 'symlink') return this.#link(entry)
    if (type !== 'file') throw stranger(name)
    if (name === 'repositories') entry.resume()
    else if (name === 'manifest.json') {
      this.#image = plainManifest(await contentOf(entry))
      return this.#write({ name }, this.#image.document)
    } else if (name === 'index.json') return this.#write({ name }, plainIndex(await contentOf(entry)))
    else if (!files.test(name)) throw stranger(name)
    else return this.#file(entry)
  }

  /** Engines of Docker 24 and before put a layer that several images share into an archive once. */
  #link(entry: Entry): Promise<void> {
    const { name, linkname } = entry.header
    if (!layers.test(name) || !layerLinks.test(linkname ?? '')) throw stranger(name)
    entry.resume()
    return this.#write({ name, type: 'symlink', linkname: linkname ?? '' })
  }

  async #file(entry: Entry): Promise<void> {
    const { name, size = 0 } = entry.header
    const digest = blobs.exec(name)?.[1]
    if (digest === undefined || (size ?? 0) > maxDocumentBytes) return this.#copy(entry)
    const content = await contentOf(entry)
    this.#kept += content.length
    if (this.#kept > maxKeptBytes) throw notTheImage('it holds more documents than images have')
    if (createHash('sha256').update(content).digest('hex') !== digest)
      throw notTheImage(`its ${shown(name)} is another one`)
    this.#documents.set(digest, content)
    return this.#write({ name }, content)
  }

  #write(header: Partial<Header> & { name: string }, content?: Buffer): Promise<void> {
    const whole = { mode: 0o644, mtime: new Date(0), ...header, ...(content ? { size: content.length } : {}) }
    return new Promise((resolve, reject) => {
      const done = (error?: Error | null) => (error ? reject(error) : resolve())
      if (content) this.#out.entry(whole, content, done)
      else this.#out.entry(whole, done)
    })
  }

  #copy(entry: Entry): Promise<void> {
    const { name, size } = entry.header
    return new Promise((resolve, reject) => {
      const header = { name, mode: 0o644, mtime: new Date(0), size: size ?? 0 }
      const sink = this.#out.entry(header, (error) => (error ? reject(error) : resolve()))
      entry.on('error', reject)
      entry.pipe(sink)
    })
  }
}

async function contentOf(entry: Entry): Promise<Buffer> {
  const { name, size } = entry.header
  if ((size ?? 0) > maxKeptBytes) throw stranger(name)
  const pieces: Buffer[] = []
  for await (const piece of entry as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces)
}

function stranger(name: string): NotVerifiedError {
  return notTheImage(`no engine puts ${shown(name)} into such an archive`)
}

function shown(name: string): string {
  return JSON.stringify(name).slice(0, 120)
}
