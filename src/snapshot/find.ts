import { RefusedError } from '../model/errors.ts'
import type { ListedSnapshot, Repository } from './repository/repository.ts'

/**
 * Finds a snapshot by its id or the beginning of one, `latest` for the newest of all, or the name of a container for the newest
 * that has it. @throws RefusedError `unknown-snapshot` or `ambiguous-snapshot`.
 */
export async function findSnapshot(repository: Repository, word: string): Promise<ListedSnapshot> {
  const all = await repository.list()
  const [newest] = all
  if (word === 'latest' && newest) return newest
  const exact = all.find(({ id }) => id === word)
  if (exact) return exact
  const found = /^[0-9a-f]{4,}$/.test(word) ? all.filter(({ id }) => id.startsWith(word)) : []
  const [only, ...others] = found
  if (only && others.length === 0) return only
  if (only) {
    throw new RefusedError('ambiguous-snapshot', `${found.length} snapshots begin with ${word}.`, {
      suggestions: [`They are: ${found.map(({ id }) => id).join(', ')}`],
    })
  }
  const ofContainer = all.find(({ title }) => title?.split(', ').includes(word))
  if (ofContainer) return ofContainer
  throw new RefusedError('unknown-snapshot', `There is no snapshot "${word}" in ${repository.name}.`, {
    suggestions: [
      all.length > 0
        ? `See which there are: wherry snapshot list --repo ${repository.name}`
        : 'It holds none.',
      'Use --repo to name another repository.',
    ],
    data: { snapshot: word, repository: repository.name },
  })
}
