import type { ChunkRef } from '../agent/protocol.ts'
import { exitCodes, WherryError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import { formatVersion, type SnapshotConfig } from './config.ts'
import { digestOf } from './repository/directory.ts'
import { damaged } from './repository/failures.ts'
import type { Descriptor } from './repository/oci.ts'
import type { Repository } from './repository/repository.ts'
import type { Seal } from './seal.ts'

/** Larger than any config of ours: a reader holds it in memory. */
const maxConfigBytes = 256 << 20

/** What a snapshot is. @throws NotVerifiedError when it is damaged, WherryError `newer-format`. */
export async function readConfig(
  repository: Repository,
  seal: Seal,
  blob: Descriptor,
): Promise<SnapshotConfig> {
  const what = `The description of a snapshot, ${blob.digest},`
  if (blob.size > maxConfigBytes) throw damaged(repository.name, what)
  const sealed = await repository.read(blob.digest)
  if (digestOf(sealed) !== blob.digest) throw damaged(repository.name, what)
  const content = seal.open(sealed, 'config')
  let config: SnapshotConfig
  try {
    config = JSON.parse(content.toString()) as SnapshotConfig
    if (typeof config.formatVersion !== 'number') throw new TypeError('it has no version')
  } catch (error) {
    throw damaged(repository.name, what, error)
  }
  if (config.formatVersion !== formatVersion) {
    throw new WherryError(
      'newer-format',
      exitCodes.refused,
      `The snapshot has format ${config.formatVersion}; this wherry knows ${formatVersion}.`,
      { suggestions: ['Use the version of wherry that made it, or a later one.'] },
    )
  }
  if (!isConfig(config)) throw damaged(repository.name, what)
  return config
}

/** Whether everything is there that readers go by. Its digest was right: only another program can have made it otherwise. */
function isConfig({ containers, createdAt, engine, id, images, trees }: Partial<SnapshotConfig>): boolean {
  return (
    typeof id === 'string' &&
    typeof createdAt === 'string' &&
    typeof engine?.id === 'string' &&
    isList(containers, isManifest) &&
    isList(trees, (tree) => typeof tree.id === 'string' && isList(tree.refs, isRef)) &&
    isList(images, ({ refs }) => refs === undefined || isList(refs, isRef))
  )
}

/** As far as what an engine is told depends on it. */
function isManifest({ name, image, hostConfig, mounts }: Manifest): boolean {
  return (
    typeof name === 'string' &&
    /^sha256:[0-9a-f]{64}$/.test(image?.id) &&
    typeof image.reference === 'string' &&
    typeof hostConfig === 'object' &&
    hostConfig !== null &&
    isList(mounts, ({ source, destination }) => typeof source === 'string' && typeof destination === 'string')
  )
}

function isRef({ digest, length }: ChunkRef): boolean {
  return /^[0-9a-f]{64}$/.test(digest) && Number.isSafeInteger(length)
}

function isList<T>(value: readonly T[] | undefined, isItem: (item: T) => boolean): boolean {
  return (
    Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null && isItem(item))
  )
}
