import { exitCodes, RefusedError, WherryError } from '../model/errors.ts'
import type { RegistryRepository } from './repository/registry.ts'
import type { ListedSnapshot } from './repository/repository.ts'

/**
 * The snapshot that a tag or digest names in a registry.
 * @throws WherryError `no-tag` (exit 2) where none is given, RefusedError `unknown-snapshot` or `not-a-snapshot`.
 */
export async function snapshotAt(
  from: RegistryRepository,
  { tag, digest = tag }: { tag?: string; digest?: string },
): Promise<ListedSnapshot> {
  const suggestions = [`See which there are: wherry snapshot list --repo ${from.name}`]
  if (digest === undefined) {
    throw new WherryError('no-tag', exitCodes.usage, `Which snapshot in ${from.name}? Name its id or tag.`, {
      suggestions: [`wherry snapshot pull ${from.name}:ID`, ...suggestions],
    })
  }
  const snapshot = await from.at(digest)
  if (snapshot) return snapshot
  const data = { repository: from.name, reference: digest }
  const isThere = (await from.digestAt(digest)) !== undefined
  throw isThere
    ? new RefusedError('not-a-snapshot', `${digest} in ${from.name} is no snapshot of wherry.`, {
        suggestions,
        data,
      })
    : new RefusedError('unknown-snapshot', `There is no ${digest} in ${from.name}.`, { suggestions, data })
}
