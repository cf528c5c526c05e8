import { RefusedError } from '../../model/errors.ts'
import { readConfig } from '../read-config.ts'
import type { ListedSnapshot, Repository } from '../repository/repository.ts'
import type { SealOf } from '../seal.ts'

/** The word for the newest snapshot of all. */
const newest = 'latest'
const shownAtMost = 5

/** Names of the containers in a snapshot; none where they cannot be told. */
export async function containersOf(
  repository: Repository,
  sealOf: SealOf,
  snapshot: ListedSnapshot,
): Promise<string[]> {
  if (snapshot.title !== undefined) return snapshot.title.split(', ')
  const config = await repository
    .readManifest(snapshot)
    .then(async (manifest) => readConfig(repository, await sealOf(manifest), manifest.config))
    // A damaged one is found by its id all the same.
    .catch(() => undefined)
  return config?.containers.map(({ name }) => name) ?? []
}

/**
 * The snapshot that a word means: its id or the beginning of it, `latest`, or a container's name for the newest with it; among
 * those that were listed, the newest first, if any are given.
 * @throws RefusedError `unknown-snapshot` or `ambiguous-snapshot`, with those that come nearest.
 */
export async function findSnapshot(
  repository: Repository,
  sealOf: SealOf,
  word: string,
  listed?: readonly ListedSnapshot[],
): Promise<ListedSnapshot> {
  const all = listed ?? (await repository.list())
  const [first] = all
  const exact = all.find(({ id }) => id === word)
  if (exact) return exact
  if (word === newest && first) return first
  for (const snapshot of all)
    if ((await containersOf(repository, sealOf, snapshot)).includes(word)) return snapshot
  const begin = word === '' ? [] : all.filter(({ id }) => id.startsWith(word.toLowerCase()))
  if (begin.length > 1) throw ambiguous(repository, word, begin)
  if (begin[0]) return begin[0]
  throw unknown(repository, word, all)
}

/** The same for several words; what two of them mean is there once. */
export async function findSnapshots(
  repository: Repository,
  sealOf: SealOf,
  words: readonly string[],
  listed?: readonly ListedSnapshot[],
): Promise<ListedSnapshot[]> {
  const found = new Map<string, ListedSnapshot>()
  for (const word of words) {
    const snapshot = await findSnapshot(repository, sealOf, word, listed)
    found.set(snapshot.id, snapshot)
  }
  return [...found.values()]
}

function ambiguous({ name }: Repository, word: string, found: readonly ListedSnapshot[]): RefusedError {
  return new RefusedError(
    'ambiguous-snapshot',
    `${found.length} snapshots in ${name} begin with "${word}".`,
    {
      suggestions: [`Write more of its id: ${shown(found)}`],
      data: { repository: name, snapshot: word, found: found.map(({ id }) => id) },
    },
  )
}

function unknown({ name }: Repository, word: string, all: readonly ListedSnapshot[]): RefusedError {
  const near = all.filter(({ id, title = '' }) => title.includes(word) || id.slice(0, 2) === word.slice(0, 2))
  const nearest = near.length > 0 ? near : all
  return new RefusedError('unknown-snapshot', `There is no snapshot "${word}" in ${name}.`, {
    suggestions: [
      nearest.length > 0 ? `${near.length > 0 ? 'Near' : 'There'}: ${shown(nearest)}` : 'It holds none.',
      `See all: wherry snapshot list --repo ${name}`,
    ],
    data: { repository: name, snapshot: word, near: nearest.slice(0, shownAtMost).map(({ id }) => id) },
  })
}

function shown(snapshots: readonly ListedSnapshot[]): string {
  const names = snapshots
    .slice(0, shownAtMost)
    .map(({ id, title }) => (title === undefined ? id : `${id} (${title})`))
  return `${names.join(', ')}${snapshots.length > shownAtMost ? ', …' : ''}`
}
