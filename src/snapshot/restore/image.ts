import { Readable } from 'node:stream'
import type { ChunkRef } from '../../agent/protocol.ts'
import type { ChunkStore } from '../chunk-store.ts'

/** An image's archive as a stream, each chunk compared with its digest. */
export function imageStream(chunks: ChunkStore, refs: readonly ChunkRef[]): Readable {
  return Readable.from(
    (async function* () {
      for (const { digest } of refs) yield await chunks.read(Buffer.from(digest, 'hex'))
    })(),
    { objectMode: false },
  )
}
