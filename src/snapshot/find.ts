import { RefusedError } from '../model/errors.ts'
import type { ListedSnapshot, Repository } from './repository/repository.ts'

/** The snapshot of an id, of which its begin is enough. @throws RefusedError `unknown-snapshot` or `ambiguous-snapshot`. */
export async function findSnapshot(repository: Repository, id: string): Promise<ListedSnapshot> {
  const all = await repository.list()
  const found = all.filter((snapshot) => id !== '' && snapshot.id.startsWith(id))
  const [first] = found
  if (first && found.length === 1) return first
  const exact = found.find((snapshot) => snapshot.id === id)
  if (exact) return exact
  const ids = found.map((snapshot) => snapshot.id)
  if (first) {
    throw new RefusedError(
      'ambiguous-snapshot',
      `"${id}" may be ${ids.join(' or ')} in ${repository.name}.`,
      {
        data: { repository: repository.name, ids },
      },
    )
  }
  throw new RefusedError('unknown-snapshot', `There is no snapshot "${id}" in ${repository.name}.`, {
    suggestions: [`See which there are: wherry snapshot list --repo ${repository.name}`],
    data: { repository: repository.name, id },
  })
}
