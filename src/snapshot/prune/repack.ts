import { DigestSet } from '../../agent/snapshot/digest-set.ts'
import { ChunkStore } from '../chunk-store.ts'
import type { Contents } from '../contents.ts'
import { copyNeeded } from '../copy-needed.ts'
import { layersFor, neededOf } from '../layers.ts'
import { type PackList, writeIndex } from '../pack-format.ts'
import { PackWriter } from '../pack-writer.ts'
import { mediaTypes, type OciManifest } from '../repository/oci.ts'
import type { ListedSnapshot } from '../repository/repository.ts'
import { type Seal, unsealed } from '../seal.ts'
import type { Examined } from '../verify/examine.ts'
import type { PackUse } from './plan.ts'
import type { Survey, SurveyRequest } from './survey.ts'

/** Snapshots as they are to be listed. */
export type Republished = { manifest: OciManifest; snapshot: Omit<ListedSnapshot, 'manifest'> }[]

const phase = 'repack'

/**
 * Copies what is needed of packs into new ones and makes new manifests for the snapshots that need them. Nothing that is there
 * is changed, and nothing is listed: until then all of it is surplus.
 */
export async function repack(
  request: SurveyRequest,
  survey: Survey,
  repacked: readonly PackUse[],
): Promise<Republished> {
  if (repacked.length === 0) return []
  request.report({ type: 'phase', phase, message: 'writing packs anew' })
  const going = new Set(repacked.map(({ digest }) => digest))
  const staying = survey.snapshots.flatMap(({ decision, examined, isWhole }) =>
    decision.stays && isWhole ? [examined] : [],
  )
  const republished: Republished = []
  // What one key seals is of no use to what another seals.
  for (const group of Map.groupBy(staying, ({ seal }) => seal).values())
    republished.push(...(await repackGroup(request, survey, group, new Set(going))))
  return republished
}

async function repackGroup(
  request: SurveyRequest,
  survey: Survey,
  staying: readonly Examined[],
  going: Set<string>,
): Promise<Republished> {
  const { repository } = request
  const seal = staying[0]?.seal ?? unsealed
  const packs = new Map(staying.flatMap((one) => one.packs.map((pack) => [pack.digest, pack] as const)))
  const directory = await repository.workDirectory()
  const writer = new PackWriter(repository, directory, seal)
  // Chunks that another pack has, too, need not be copied.
  const copied = new DigestSet()
  for (const { digest, chunks } of packs.values())
    if (!going.has(digest)) for (const chunk of chunks) copied.add(chunk.digest)
  try {
    const copy = { ...request, needed: survey.chunks, copied, writer }
    for (const digest of [...going]) {
      const pack = packs.get(digest)
      // One that is damaged stays as it is.
      if (pack && !(await copyNeeded({ ...copy, seal: pack.seal }, pack))) going.delete(digest)
    }
    await writer.end()
  } finally {
    await writer.discard()
  }
  const contents = await contentsAfter(request, staying, seal, going, writer.packs)
  const affected = staying.filter(({ manifest }) => manifest.layers.some(({ digest }) => going.has(digest)))
  const republished: Republished = []
  for (const examined of affected) republished.push(await anew(contents, seal, directory, examined))
  return republished
}

/** What the repository can be taken to hold once the packs that were written anew are gone. */
async function contentsAfter(
  { repository }: SurveyRequest,
  staying: readonly Examined[],
  seal: Seal,
  going: ReadonlySet<string>,
  written: readonly PackList[],
): Promise<Contents> {
  const chunks = new ChunkStore(repository, seal)
  const packs = new Map(staying.flatMap((one) => one.packs.map((pack) => [pack.digest, pack] as const)))
  const after: Contents['packs'] = new Map()
  for (const { manifest } of staying) {
    for (const index of manifest.layers.filter(({ mediaType }) => mediaType === mediaTypes.chunkIndex)) {
      for (const { digest } of await chunks.readIndex(index).catch(() => [])) {
        const pack = packs.get(digest)
        if (pack && !going.has(digest) && !after.has(digest)) after.set(digest, { pack, index })
      }
    }
  }
  if (written.length > 0) {
    const index = await repository.add(seal.seal(writeIndex(written), 'index'), mediaTypes.chunkIndex)
    for (const pack of written) after.set(pack.digest, { pack, index })
  }
  chunks.addPacks([...after.values()].map(({ pack }) => pack))
  return { snapshots: [], chunks, packs: after }
}

/** A snapshot's manifest with the packs that it needs now. */
async function anew(
  contents: Contents,
  seal: Seal,
  directory: string,
  { config, listed, manifest }: Examined,
): Promise<Republished[number]> {
  if (!config) throw new Error('a damaged snapshot must stay as it is')
  const images = config.images.flatMap(({ refs = [] }) => refs)
  const { packs } = await neededOf(contents.chunks, directory, config.trees, images)
  // What is neither an index nor a pack, such as a key, stays as it is.
  const others = manifest.layers.filter(
    ({ mediaType }) => mediaType !== mediaTypes.chunkIndex && mediaType !== mediaTypes.pack,
  )
  const layers = [...others, ...(await layersFor(contents, seal, packs))]
  const { id, createdAt, title } = listed
  return {
    manifest: { ...manifest, layers },
    snapshot: { id, createdAt, ...(title === undefined ? {} : { title }) },
  }
}
