import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Extract, extract, type Pack, pack } from 'tar-stream'
import { messageOf } from '../model/errors.ts'
import type { ImagePlan } from '../model/plan.ts'
import type { Run } from './run.ts'

/**
 * Brings one image to the target: pulled by its digest where a registry has it, else streamed from the source without the
 * layers that the target has already. @returns the bytes that went to the target through this process.
 */
export async function transferImage(run: Run, image: ImagePlan): Promise<number> {
  const { target, report, signal } = run
  report({ type: 'phase', phase: 'image', message: `image ${image.reference}` })
  for (const digest of image.repoDigests) {
    try {
      await target.images.pull(digest, signal)
      if (await target.images.inspect(image.id)) return 0
    } catch (error) {
      signal.throwIfAborted()
      report({
        type: 'note',
        message: `not pulled (${messageOf(error)}); streaming it from ${run.source.name}`,
      })
    }
  }
  return streamMissingLayers(run, image)
}

async function streamMissingLayers(
  { source, target, report, signal }: Run,
  image: ImagePlan,
): Promise<number> {
  const present = sharedLayers(image.layers, await target.images.layerChains())
  const saved = await source.images.save(image.id, signal)
  let bytes = 0
  const counted = new Transform({
    highWaterMark: 1 << 20,
    transform(chunk: Buffer, _encoding, next) {
      bytes += chunk.length
      report({ type: 'bytes', phase: 'image', bytes })
      next(null, chunk)
    },
  })
  const filtered = withoutBlobs(saved, new Set(present.map((digest) => digest.replace('sha256:', ''))))
  await Promise.all([pipeline(filtered, counted, { signal }), target.images.load(counted, signal)])
  return bytes
}

/** The longest run of the image's layers, from the base up, that some image on the target has too. */
export function sharedLayers(layers: readonly string[], chains: readonly (readonly string[])[]): string[] {
  let best = 0
  for (const chain of chains) {
    let length = 0
    while (length < layers.length && layers[length] === chain[length]) length++
    best = Math.max(best, length)
  }
  return layers.slice(0, best)
}

/**
 * Copies an image archive and leaves out the blobs of the given digests (hex). In an archive of Docker 25 and newer a
 * layer's blob is named after its diff id; older archives pass unchanged, for their names tell nothing.
 */
export function withoutBlobs(archive: Readable, digests: ReadonlySet<string>): Readable {
  return Readable.from(filteredArchive(archive, digests))
}

async function* filteredArchive(archive: Readable, digests: ReadonlySet<string>): AsyncGenerator<Buffer> {
  const input = extract()
  const output = pack()
  const copied = copyEntries(input, output, digests)
  const read = pipeline(archive, input)
  for (const part of [copied, read]) part.catch((error) => output.destroy(error))
  yield* output as AsyncIterable<Buffer>
  await Promise.all([copied, read])
}

async function copyEntries(input: Extract, output: Pack, digests: ReadonlySet<string>): Promise<void> {
  for await (const entry of input) {
    const digest = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(entry.header.name)?.[1]
    if (digest && digests.has(digest)) entry.resume()
    else await pipeline(entry, output.entry(entry.header))
  }
  output.finalize()
}
