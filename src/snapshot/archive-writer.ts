import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Pack, pack } from 'tar-stream'
import { exitCodes, WherryError } from '../model/errors.ts'
import { type CopyRequest, type CopyResult, copySnapshot } from './copy.ts'
import { digestOf } from './repository/directory.ts'
import { damaged } from './repository/failures.ts'
import { layoutEntry } from './repository/manifest.ts'
import { type Descriptor, hexOf, mediaTypes } from './repository/oci.ts'
import {
  type BlobSource,
  type CopyTarget,
  type ListedSnapshot,
  pieceBytes,
  type TransferOptions,
} from './repository/repository.ts'

/** A tar stream that is an OCI image layout (image-layout.md) with one snapshot. Its index comes last: without it, it is cut short. */
class ArchiveWriter implements CopyTarget {
  readonly name = 'the archive'
  readonly #pack: Pack

  constructor(pack: Pack) {
    this.#pack = pack
  }

  async holds(): Promise<undefined> {
    return undefined
  }

  async has(): Promise<boolean> {
    return false
  }

  async addFrom({ digest, size }: Descriptor, source: BlobSource, options: TransferOptions): Promise<void> {
    const entry = this.#pack.entry(header(`blobs/sha256/${hexOf(digest)}`, size))
    await pipeline(Readable.from(contentOf(digest, size, source, options)), entry)
  }

  async publishCopy(content: Buffer, snapshot: Omit<ListedSnapshot, 'manifest'>): Promise<ListedSnapshot> {
    const digest = digestOf(content)
    const manifest = layoutEntry({ mediaType: mediaTypes.manifest, digest, size: content.length }, snapshot)
    this.#file(`blobs/sha256/${hexOf(digest)}`, content)
    this.#file('oci-layout', Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' })))
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [manifest] }
    this.#file('index.json', Buffer.from(JSON.stringify(index)))
    this.#pack.finalize()
    return { ...snapshot, manifest }
  }

  #file(name: string, content: Buffer): void {
    this.#pack.entry(header(name, content.length), content)
  }
}

/** The same snapshot gives the same bytes. */
function header(name: string, size: number) {
  return { name, size, mode: 0o644, mtime: new Date(0) }
}

async function* contentOf(
  digest: string,
  size: number,
  source: BlobSource,
  { progress, signal }: TransferOptions,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  for (let at = 0; at < size; ) {
    signal?.throwIfAborted()
    const piece = await source.read(digest, at, Math.min(pieceBytes, size - at))
    hash.update(piece)
    at += piece.length
    yield piece
    progress(piece.length)
  }
  if (`sha256:${hash.digest('hex')}` !== digest) throw damaged(source.name, `Blob ${digest}`)
}

/**
 * Writes a snapshot as one tar stream, which `importArchive` and every program for OCI image layouts reads.
 * @throws NotVerifiedError (exit 8) when something is damaged, WherryError `output-closed` when nobody reads on. What was
 * written is no whole archive then.
 */
export async function exportSnapshot(
  request: Omit<CopyRequest, 'to' | 'phase' | 'atOnce'> & { output: NodeJS.WritableStream },
): Promise<CopyResult> {
  const archive = pack()
  const copied = copySnapshot({ ...request, to: new ArchiveWriter(archive), atOnce: 1, phase: 'export' })
  copied.catch((error) => archive.destroy(error))
  const written = writeTo(request.output, archive)
  const [copy, write] = await Promise.allSettled([copied, written])
  if (copy.status === 'rejected' && write.status === 'rejected' && isClosed(write.reason)) {
    throw new WherryError('output-closed', exitCodes.unexpected, 'Nobody reads the archive any more.', {
      cause: write.reason,
    })
  }
  if (copy.status === 'rejected') {
    if (request.signal.aborted) throw new WherryError('interrupted', exitCodes.interrupted, 'Interrupted.')
    throw copy.reason
  }
  if (write.status === 'rejected') throw write.reason
  return copy.value
}

async function writeTo(output: NodeJS.WritableStream, archive: Pack): Promise<void> {
  // As another kind of stream: one of tar-stream ends its output when it ends.
  await pipeline(Readable.from(archive as AsyncIterable<Buffer>), output, { end: false })
  await new Promise<void>((resolve, reject) => {
    output.write('', (error) => (error ? reject(error) : resolve()))
  })
}

function isClosed(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}
