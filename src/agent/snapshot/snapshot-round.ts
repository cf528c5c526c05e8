import { hash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { giveBuffer, takeBuffer } from '../buffer-pool.ts'
import { readSummary } from '../catalog.ts'
import { headerBytes } from '../catalog-format.ts'
import { CatalogWriter } from '../catalog-writer.ts'
import { AgentError } from '../errors.ts'
import { writeBack } from '../file-system.ts'
import { OpsWriter } from '../ops.ts'
import type { Params, Progress, Result } from '../protocol.ts'
import { racyMarginMs, SendCatalog } from '../send-catalog.ts'
import { TreeSender } from '../send-tree.ts'
import { FileChunker } from './chunk-file.ts'
import type { ChunkTaker } from './chunk-sink.ts'
import { Chunker, dataSizes, treeSizes } from './gear.ts'
import { TreeReader, treeMagic } from './tree-reader.ts'

/** What is ready to be sent goes out in between: longer, and whoever takes it has nothing to do. */
const sliceMilliseconds = 5
const progressMilliseconds = 200

/** Where an agent keeps what it knows of a tree for snapshots. */
export function treePath(directory: string, id: string): string {
  return `${directory}/${encodeURIComponent(id)}.tree`
}

/** Reads trees beside what is known of them, sends the chunks that the repository lacks and writes the trees anew. */
export class SnapshotRound {
  readonly #params: Params<'snapshotRound'>
  readonly #directory: string
  readonly #sink: ChunkTaker
  readonly #chunker: Chunker
  readonly #onProgress: (progress: Progress) => void
  #abortReason: string | undefined
  #reportedAtMs = 0
  #scanned = 0
  #bytesRead = 0

  constructor(
    params: Params<'snapshotRound'>,
    directory: string,
    sink: ChunkTaker,
    onProgress: (progress: Progress) => void,
  ) {
    this.#params = params
    this.#directory = directory
    this.#sink = sink
    this.#chunker = new Chunker(dataSizes, params.seed)
    this.#onProgress = onProgress
  }

  abort(reason: string): void {
    this.#abortReason = reason
    this.#sink.wake()
  }

  async run(): Promise<Result<'snapshotRound'>> {
    const trees: Result<'snapshotRound'>['trees'] = []
    for (const tree of this.#params.trees) trees.push(await this.#readTree(tree))
    return { trees, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 }
  }

  async #readTree({
    id,
    path,
  }: Params<'snapshotRound'>['trees'][number]): Promise<Result<'snapshotRound'>['trees'][number]> {
    const { isFinal } = this.#params
    const file = treePath(this.#directory, id)
    const base = readSummary(file, treeMagic)
    const startedAtMs = Date.now()
    const writer = new CatalogWriter(file, treeMagic)
    const catalog = new SendCatalog({
      old: base ? new TreeReader(file) : undefined,
      isTrusted: base?.isTrusted === true,
      writer,
      // What is read while everything stands still is not written back before: it is read again next time.
      racyFromMs: isFinal ? Number.NEGATIVE_INFINITY : startedAtMs - racyMarginMs,
    })
    const files = new FileChunker(this.#chunker, this.#sink, writer, catalog.old)
    const ops = new OpsWriter(takeBuffer)
    const sender = new TreeSender({ id, path, isFinal, catalog, files }, ops)
    try {
      const isTrusted = isFinal ? base?.isTrusted === true : await writeBack(sender.root)
      await this.#walk(sender, ops, files)
      const digest = sender.finish(isTrusted)
      this.#scanned += sender.scanned
      this.#bytesRead += files.bytesRead
      const { filesSent, ...counts } = sender.counts
      return {
        id,
        ...counts,
        filesRead: filesSent,
        bytesRead: files.bytesRead,
        digest,
        isTrusted,
        entries: writer.entries,
      }
    } catch (error) {
      sender.discard()
      throw error
    }
  }

  async #walk(sender: TreeSender, ops: OpsWriter, files: FileChunker): Promise<void> {
    let sliceEnd = performance.now() + sliceMilliseconds
    while (sender.step()) {
      // A round between two engines tells the other one what to do; here only the tree is wanted.
      if (ops.isFull) giveBuffer(ops.take({ round: 0, tree: 0 }))
      if (this.#sink.isFull) await this.#sink.room(() => this.#abortReason !== undefined)
      else if (performance.now() < sliceEnd) continue
      else await nextTurn()
      if (this.#abortReason !== undefined) throw new AgentError('aborted', this.#abortReason)
      this.#progress(sender.counts.filesSent, sender.scanned, files.bytesRead)
      sliceEnd = performance.now() + sliceMilliseconds
    }
    giveBuffer(ops.take({ round: 0, tree: 0 }))
  }

  #progress(files: number, scanned: number, bytesRead: number): void {
    const now = performance.now()
    if (now - this.#reportedAtMs < progressMilliseconds) return
    this.#reportedAtMs = now
    this.#onProgress({ bytes: this.#bytesRead + bytesRead, files, scannedFiles: this.#scanned + scanned })
  }
}

/** Sends a tree's own bytes as chunks, and tells which those are, in order. */
export async function storeTree(
  directory: string,
  id: string,
  seed: string,
  sink: ChunkTaker,
): Promise<{ digest: string; length: number }[]> {
  const chunker = new Chunker(treeSizes, seed)
  const refs: { digest: string; length: number }[] = []
  const file = openSync(treePath(directory, id), 'r')
  try {
    const size = fstatSync(file).size
    const buffer = Buffer.allocUnsafeSlow(treeSizes.max)
    for (let position = headerBytes; position < size; ) {
      const read = readSync(file, buffer, 0, buffer.length, position)
      const length = chunker.cut(buffer, 0, read)
      const content = buffer.subarray(0, length)
      const digest = hash('sha256', content, 'buffer')
      sink.add(digest, content)
      refs.push({ digest: digest.toString('hex'), length })
      position += length
      if (sink.isFull) await sink.room()
    }
  } finally {
    closeSync(file)
  }
  return refs
}
