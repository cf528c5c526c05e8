import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { readJson, writeFileAtomically } from '../../../platform/files.ts'
import { damaged } from '../failures.ts'
import type { Descriptor } from '../oci.ts'
import { type BlobSource, pieceBytes, type TransferOptions } from '../repository.ts'
import type { RegistryClient } from './client.ts'
import type { Answer } from './exchange.ts'
import { interrupted, mayGoOn, statusOf } from './failures.ts'

const octets = { 'content-type': 'application/octet-stream' }
/** So often an upload may fail without having come further. */
const patience = 5
const maxPieceBytes = 64 << 20

/** One blob on its way to a registry. */
export class Upload {
  readonly #client: RegistryClient
  readonly #blob: Descriptor
  readonly #source: BlobSource
  readonly #record: string | undefined
  readonly #options: TransferOptions
  readonly #hash = createHash('sha256')
  #hashed = 0
  #location: URL | undefined
  #at = 0
  #pieceBytes = pieceBytes

  constructor(
    client: RegistryClient,
    blob: Descriptor,
    source: BlobSource,
    record: string | undefined,
    options: TransferOptions,
  ) {
    this.#client = client
    this.#blob = blob
    this.#source = source
    this.#record = record
    this.#options = options
  }

  async run(): Promise<void> {
    await this.#recall()
    let furthest = 0
    for (let failures = 0; ; ) {
      try {
        if (!this.#location) await this.#begin()
        await this.#send()
        if (this.#record) await rm(this.#record, { force: true })
        return
      } catch (error) {
        failures = this.#at > furthest ? 1 : failures + 1
        furthest = Math.max(furthest, this.#at)
        if (failures >= patience || !mayGoOn(error)) throw error
        await this.#client.pause(failures)
        // It has the bytes in another way than they were sent: then all of them are sent once more.
        if (statusOf(error) === 400) this.#location = undefined
        await this.#askWhere()
      }
    }
  }

  async #begin(): Promise<void> {
    const answer = await this.#ask('POST', 'blobs/uploads/', [202])
    this.#location = this.#client.resolve(answer.headers.location)
    this.#at = 0
    const least = Number(answer.headers['oci-chunk-min-length']) || 0
    this.#pieceBytes = Math.min(maxPieceBytes, Math.max(pieceBytes, least))
  }

  async #send(): Promise<void> {
    const { size } = this.#blob
    let last: Buffer | undefined
    while (this.#at < size && !last) {
      const piece = await this.#read(this.#at, Math.min(this.#pieceBytes, size - this.#at))
      // A blob of one piece needs no request of its own for it.
      if (this.#at === 0 && piece.length === size) last = piece
      else await this.#patch(piece)
    }
    await this.#finish(last)
  }

  async #patch(piece: Buffer): Promise<void> {
    const from = this.#at
    const headers = { ...octets, 'content-range': `${from}-${from + piece.length - 1}` }
    const answer = await this.#ask('PATCH', this.#location ?? '', [202], { headers, body: piece })
    this.#goOn(answer, from + piece.length)
    this.#options.progress(this.#at - from)
    if (this.#record) {
      await writeFileAtomically(this.#record, JSON.stringify({ location: this.#location?.href }))
    }
  }

  async #finish(last?: Buffer): Promise<void> {
    await this.#compare()
    const url = new URL(this.#location ?? '')
    url.searchParams.set('digest', this.#blob.digest)
    const body = last ?? Buffer.alloc(0)
    await this.#ask('PUT', url, [201], { headers: octets, body, takesLong: true })
    if (last) this.#options.progress(last.length)
  }

  /** What is sent is read once more where an earlier run has sent it already: that it is right is known of all of it. */
  async #compare(): Promise<void> {
    const { digest, size } = this.#blob
    while (this.#hashed < size) await this.#read(this.#hashed, Math.min(pieceBytes, size - this.#hashed))
    if (`sha256:${this.#hash.copy().digest('hex')}` === digest) return
    await this.#ask('DELETE', this.#location ?? '', [204, 404, 405]).catch(() => undefined)
    if (this.#record) await rm(this.#record, { force: true })
    throw damaged(this.#source.name, `Blob ${digest}`)
  }

  async #read(offset: number, length: number): Promise<Buffer> {
    if (this.#options.signal?.aborted) throw interrupted()
    const piece = await this.#source.read(this.#blob.digest, offset, length)
    if (offset <= this.#hashed && offset + length > this.#hashed) {
      this.#hash.update(piece.subarray(this.#hashed - offset))
      this.#hashed = offset + length
    }
    return piece
  }

  /** An upload that an earlier run began. */
  async #recall(): Promise<void> {
    if (!this.#record) return
    const kept = await readJson<{ location?: string }>(this.#record).catch(() => undefined)
    if (!kept?.location) return
    this.#location = this.#client.resolve(kept.location)
    await this.#askWhere()
  }

  /** Asks how far the registry has come; begins anew where it has forgotten. */
  async #askWhere(): Promise<void> {
    const before = this.#at
    const answer = this.#location && (await this.#ask('GET', this.#location, [204, 202, 404, 400, 416]))
    if (answer?.status === 204 || answer?.status === 202) this.#goOn(answer, 0)
    else {
      this.#location = undefined
      this.#at = 0
    }
    this.#options.progress(this.#at - before)
  }

  /** `Range: 0-N` names the last byte that is there; `0-0` is said of an upload that has none. */
  #goOn({ headers: { location, range } }: Answer, otherwise: number): void {
    if (location) this.#location = this.#client.resolve(location)
    const end = /^(?:bytes=)?0-(\d+)$/.exec(String(range ?? ''))?.[1]
    this.#at = Math.min(this.#blob.size, end === undefined ? otherwise : end === '0' ? 0 : Number(end) + 1)
  }

  #ask(
    method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    to: string | URL,
    expected: readonly number[],
    more: { headers?: Record<string, string>; body?: Buffer; takesLong?: boolean } = {},
  ): Promise<Answer> {
    const isRepeatable = method === 'GET' || method === 'POST'
    return this.#client.request({ method, to, access: 'push', expected, isRepeatable, ...more })
  }
}
