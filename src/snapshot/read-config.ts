import { exitCodes, WherryError } from '../model/errors.ts'
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
  return config
}
