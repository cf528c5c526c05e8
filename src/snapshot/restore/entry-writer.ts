import { setImmediate as nextTurn } from 'node:timers/promises'
import type { WriteDigest } from '../../agent/block-digest.ts'
import type { CatalogWriter } from '../../agent/catalog-writer.ts'
import { type Head, portableStart } from '../../agent/entry.ts'
import { types } from '../../agent/file-types.ts'
import { type OpsWriter, opFlags, ops } from '../../agent/ops.ts'
import type { TreeReader } from '../../agent/snapshot/tree-reader.ts'
import type { ChunkStore } from '../chunk-store.ts'
import { BlockCutter, maxBlockBytes } from './block-cutter.ts'

const hole = Buffer.alloc(32)
/** A batch takes blocks up to so many bytes at once. */
const runBytes = 256 << 10
/** Chunks that are read, and decompressed, while others are sent. */
const aheadChunks = 4
const minShift = 13
const maxShift = Math.log2(maxBlockBytes)

/** What entries are written with. */
export interface EntryWriterParts {
  /** The snapshot's tree, standing at the entry at hand. */
  reader: TreeReader
  chunks: ChunkStore
  ops: OpsWriter
  /** What the target must come to. */
  catalog: CatalogWriter
  /** What a block is told from others by, there and here. */
  label: WriteDigest
  /** Called whenever a batch is full. */
  send: () => Promise<void>
}

/** A chunk of a file. */
export interface FileRef {
  length: number
  digest: Buffer
}

interface PutOptions {
  isInPlace?: boolean
  refs?: readonly FileRef[]
}

/** Turns entries of a snapshot's tree into operations that make them. */
export class EntryWriter {
  readonly #parts: EntryWriterParts
  readonly #block = Buffer.allocUnsafeSlow(maxBlockBytes)
  files = 0
  bytes = 0

  constructor(parts: EntryWriterParts) {
    this.#parts = parts
  }

  /**
   * Makes the entry at hand in the place of so many of the target's, and goes on to the next. Into a directory the target goes.
   * `refs`: the file's, where they have been read already.
   */
  async put(head: Head, replaces: number, { isInPlace = false, refs }: PutOptions = {}): Promise<void> {
    const { catalog, ops: writer, reader, send } = this.#parts
    catalog.head(head.buffer, head.start, head.end)
    const portable = Buffer.from(head.buffer.subarray(head.start + portableStart, head.end))
    if (head.type === types.directory)
      writer.put(ops.directory, isInPlace ? opFlags.inPlace : 0, replaces, portable)
    else if (head.type === types.file) await this.#file(head, portable, replaces, refs)
    else writer.put(ops.other, 0, replaces, portable)
    if (head.type !== types.directory) this.files++
    if (writer.isFull) await send()
    reader.next()
  }

  async #file(head: Head, portable: Buffer, replaces: number, known?: readonly FileRef[]): Promise<void> {
    const { catalog, chunks, ops: writer, send } = this.#parts
    const { blockShift, size } = head
    const refs = known ?? refsOf(this.#parts.reader)
    const isSparse = refs.some(({ digest }) => digest.equals(hole))
    writer.put(ops.file, isSparse ? opFlags.sparse : 0, replaces, portable)
    const { label } = this.#parts
    const blocks = new BlockCutter({ blockShift, size }, { ops: writer, catalog, label, buffer: this.#block })
    const contents = readAhead(
      chunks,
      refs.filter(({ digest }) => !digest.equals(hole)),
    )
    for (const { digest, length } of refs) {
      if (digest.equals(hole)) {
        blocks.hole(length)
        // A file of nothing but holes may have many of them.
        if (writer.isFull) await send()
        else await nextTurn()
        continue
      }
      const content = await contents.next()
      if (content.length !== length) throw new RangeError('a chunk has another length than its file says')
      for (let at = 0; at < length; at += runBytes) {
        blocks.data(content.subarray(at, at + runBytes))
        if (writer.isFull) await send()
      }
      chunks.release(content)
    }
    blocks.end()
    writer.fileEnd()
    this.bytes += size
  }
}

/** Reads chunks in their order, some ahead of where they are wanted. */
function readAhead(chunks: ChunkStore, refs: readonly FileRef[]): { next(): Promise<Buffer> } {
  const reads: Promise<Buffer>[] = []
  let begun = 0
  return {
    async next() {
      for (; begun < refs.length && reads.length < aheadChunks; begun++) {
        const read = chunks.read(refs[begun]?.digest ?? hole)
        // Met in its turn, if it comes to that.
        read.catch(() => undefined)
        reads.push(read)
      }
      const next = reads.shift()
      if (!next) throw new RangeError('there is no further chunk')
      return next
    },
  }
}

/** The references of the file at hand. */
export function refsOf(reader: TreeReader): FileRef[] {
  const refs: FileRef[] = []
  for (let ref = reader.nextRef(); ref; ref = reader.nextRef()) {
    refs.push({ length: ref.readUInt32LE(0), digest: Buffer.from(ref.subarray(4)) })
  }
  return refs
}

/** @throws RangeError when an entry cannot follow in a directory of that depth, or its fields do not fit. */
export function assertSound(head: Head, depth: number): void {
  const { type, blockShift } = head
  if (type < types.directory || type > types.socket) throw new RangeError(`an entry of type ${type}`)
  const fits =
    depth < 0 ? head.depth === 0 && type === types.directory : head.depth >= 1 && head.depth <= depth + 1
  if (!fits) throw new RangeError('an entry at a depth that no directory has')
  if (type === types.file && (blockShift < minShift || blockShift > maxShift))
    throw new RangeError('blocks of an odd size')
  if (head.name.length === 0 && head.depth > 0) throw new RangeError('an entry without a name')
}
