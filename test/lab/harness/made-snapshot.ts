import { createHash, randomBytes } from 'node:crypto'
import { encodings } from '../../../src/agent/snapshot/records.ts'
import { formatVersion } from '../../../src/snapshot/config.ts'
import { type Contents, readContents } from '../../../src/snapshot/contents.ts'
import { layersFor } from '../../../src/snapshot/layers.ts'
import { PackWriter } from '../../../src/snapshot/pack-writer.ts'
import { annotations, mediaTypes, type OciManifest } from '../../../src/snapshot/repository/oci.ts'
import type { ListedSnapshot, Repository } from '../../../src/snapshot/repository/repository.ts'
import { unsealed } from '../../../src/snapshot/seal.ts'

const chunkBytes = 256 << 10

/**
 * Makes a snapshot of random chunks with the pieces that `snapshot create` is made of, but without an engine: it has no
 * container and no files. A pack is full at 32 MiB.
 */
export async function makeSnapshot(
  repository: Repository,
  bytes: number,
  name = 'shop',
): Promise<ListedSnapshot> {
  const contents = await readContents(repository, unsealed, undefined)
  const packs = new PackWriter(repository, await repository.workDirectory(), unsealed)
  for (let left = bytes; left > 0; left -= chunkBytes) {
    const stored = randomBytes(Math.min(left, chunkBytes))
    const digest = createHash('sha256').update(stored).digest()
    await packs.add({ digest, length: stored.length, encoding: encodings.raw, stored })
  }
  const before = contents.chunks.packs.length
  await addPacks(contents, packs)
  const own = new Set([...contents.chunks.packs.keys()].filter((index) => index >= before))
  const layers = await layersFor(contents, unsealed, own)
  return publish(repository, layers, { formatVersion, containers: [], trees: [], images: [] }, name)
}

/** Publishes a config with every pack that the repository has and the ones just written, whatever it needs of them. */
export async function publishWithAll(
  repository: Repository,
  contents: Contents,
  packs: PackWriter,
  config: object,
): Promise<ListedSnapshot> {
  await addPacks(contents, packs)
  const layers = await layersFor(contents, unsealed, new Set(contents.chunks.packs.keys()))
  return publish(repository, layers, config, 'forged')
}

async function addPacks(contents: Contents, packs: PackWriter): Promise<void> {
  await packs.end()
  contents.chunks.addPacks(packs.packs)
  for (const pack of packs.packs) contents.packs.set(pack.digest, { pack })
}

async function publish(repository: Repository, layers: OciManifest['layers'], what: object, title: string) {
  const id = randomBytes(6).toString('hex')
  const createdAt = new Date().toISOString()
  const config = { ...what, id, createdAt }
  const manifest: OciManifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: mediaTypes.snapshot,
    config: await repository.add(Buffer.from(JSON.stringify(config)), mediaTypes.config),
    layers,
    annotations: { [annotations.id]: id, [annotations.created]: createdAt, [annotations.title]: title },
  }
  return repository.publish(manifest, { id, createdAt, title })
}
