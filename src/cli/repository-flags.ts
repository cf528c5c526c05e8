import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Flags } from '@oclif/core'
import { exitCodes, WherryError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { DirectoryRepository } from '../snapshot/repository/directory.ts'
import { type LockKind, withLock } from '../snapshot/repository/locks.ts'
import { meansRegistry, parseReference } from '../snapshot/repository/reference.ts'
import { RegistryRepository } from '../snapshot/repository/registry.ts'
import type { Repository } from '../snapshot/repository/repository.ts'
import { type Seal, unsealed } from '../snapshot/seal.ts'

/** `--repo`, shared by everything that works with snapshots. */
export const repoFlag = Flags.string({
  summary: 'Where snapshots are kept: a directory, or HOST/NAME in a registry.',
  description:
    'Without it, WHERRY_REPO, or else wherry/snapshots in XDG_DATA_HOME (~/.local/share). With a . or : before the first slash, ' +
    'or localhost there, it is a registry; a directory of such a name is ./NAME.',
  helpValue: 'REPOSITORY',
})

/** `--plain-http`, wherever a registry can be named. */
export const plainHttpFlag = Flags.boolean({
  summary: 'Speak HTTP without TLS to the registry.',
  description: 'On this machine itself that needs no flag.',
})

const patienceMs = 10 * 60_000

/** What `--repo` means, as it was given or by default. */
function repositoryName(flag: string | undefined): string {
  const { WHERRY_REPO, XDG_DATA_HOME } = process.env
  const own = join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'wherry', 'snapshots')
  return flag || WHERRY_REPO || own
}

/** The directory that `--repo` means. @throws WherryError `not-a-directory` (exit 2) when it means a registry. */
export function repositoryPath(flag: string | undefined): string {
  const name = repositoryName(flag)
  if (meansRegistry(name)) {
    throw new WherryError(
      'not-a-directory',
      exitCodes.usage,
      `${name} is in a registry; this needs a directory.`,
      {
        suggestions: ['Name a directory with --repo.'],
      },
    )
  }
  return resolve(name.replace(/^~(?=\/|$)/, homedir()))
}

interface RepositoryFlags {
  repo?: string | undefined
  'plain-http'?: boolean | undefined
}

interface Use {
  flags: RepositoryFlags
  /** What others are told that have to wait. */
  purpose: string
  /** Make one where there is none. */
  create?: boolean
  lock?: LockKind
  report: Report
  /** Ends requests to a registry. */
  signal?: AbortSignal
}

/** The repository in a registry that a word means, such as `HOST/NAME`. @throws WherryError `bad-reference` (exit 2). */
export function openRegistry(
  text: string,
  flags: RepositoryFlags,
  signal?: AbortSignal,
): { repository: RegistryRepository; tag?: string; digest?: string } {
  const { tag, digest, ...place } = parseReference(text)
  const options = { plainHttp: flags['plain-http'] ?? false, ...(signal ? { signal } : {}) }
  return {
    repository: new RegistryRepository(place, options),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/**
 * Does something with the repository that the flags name. A directory is locked against what must not happen at the same
 * time; a registry has no locks.
 */
export async function useRepository<T>(
  use: Use,
  action: (opened: { repository: Repository; seal: Seal }) => Promise<T>,
): Promise<T> {
  const name = repositoryName(use.flags.repo)
  if (!meansRegistry(name)) return useDirectory(use, action)
  const { repository, tag, digest } = openRegistry(name, use.flags, use.signal)
  if (tag !== undefined || digest !== undefined) {
    throw new WherryError(
      'bad-reference',
      exitCodes.usage,
      `"${name}" names one snapshot, not a repository.`,
      {
        suggestions: [`--repo ${repository.name}`],
      },
    )
  }
  return action({ repository, seal: unsealed })
}

/** As `useRepository`, for what only a directory can do. @throws WherryError `not-a-directory` (exit 2). */
export async function useDirectory<T>(
  { flags, purpose, create = false, lock = 'shared', report }: Use,
  action: (opened: { repository: DirectoryRepository; seal: Seal }) => Promise<T>,
): Promise<T> {
  const path = repositoryPath(flags.repo)
  const repository = await (create ? DirectoryRepository.openOrCreate(path) : DirectoryRepository.open(path))
  const options = { directory: repository.lockDirectory, kind: lock, purpose, patienceMs, report }
  return withLock(options, () => action({ repository, seal: unsealed }))
}

export type { Repository }
