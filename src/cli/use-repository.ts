import { exitCodes, WherryError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { findSnapshot } from '../snapshot/browse/find.ts'
import type { SnapshotConfig } from '../snapshot/config.ts'
import { Keyring } from '../snapshot/keyring.ts'
import { snapshotAt } from '../snapshot/pull.ts'
import { readConfig } from '../snapshot/read-config.ts'
import { DirectoryRepository } from '../snapshot/repository/directory.ts'
import { type LockKind, withLock } from '../snapshot/repository/locks.ts'
import type { OciManifest } from '../snapshot/repository/oci.ts'
import { meansRegistry } from '../snapshot/repository/reference.ts'
import type { ListedSnapshot, Repository } from '../snapshot/repository/repository.ts'
import type { Seal, SealOf } from '../snapshot/seal.ts'
import { type KeyFlags, keySource } from './key-flags.ts'
import { openRegistry, type RepositoryFlags, repositoryName, repositoryPath } from './repository-flags.ts'

const patienceMs = 10 * 60_000

interface Use {
  flags: RepositoryFlags & KeyFlags
  /** What others are told that have to wait. */
  purpose: string
  /** Make one where there is none. */
  create?: boolean
  /** Also one whose own files are damaged. */
  evenDamaged?: boolean
  lock?: LockKind
  report: Report
  /** Ends requests to a registry. */
  signal?: AbortSignal
}

/** A repository, and the keys of its snapshots. */
export interface OpenedRepository<R extends Repository = Repository> {
  repository: R
  keyring: Keyring
  sealOf: SealOf
}

/**
 * Does something with the repository that the flags name. A directory is locked against what must not happen at the same
 * time; a registry has no locks.
 */
export async function useRepository<T>(
  use: Use,
  action: (opened: OpenedRepository) => Promise<T>,
): Promise<T> {
  const name = repositoryName(use.flags.repo)
  if (!meansRegistry(name)) return useDirectory(use, action)
  const { repository, tag, digest } = openRegistry(name, use.flags, use.signal)
  if (tag !== undefined || digest !== undefined) {
    throw new WherryError(
      'bad-reference',
      exitCodes.usage,
      `"${name}" names one snapshot, not a repository.`,
      { suggestions: [`--repo ${repository.name}`] },
    )
  }
  return action(await opened(repository, use))
}

/** As `useRepository`, for what only a directory can do. @throws WherryError `not-a-directory` (exit 2). */
export async function useDirectory<T>(
  use: Use,
  action: (opened: OpenedRepository<DirectoryRepository>) => Promise<T>,
): Promise<T> {
  const { flags, purpose, create = false, evenDamaged = false, lock = 'shared', report } = use
  const path = repositoryPath(flags.repo)
  const repository = await (create
    ? DirectoryRepository.openOrCreate(path)
    : DirectoryRepository.open(path, { evenDamaged }))
  const options = { directory: repository.lockDirectory, kind: lock, purpose, patienceMs, report }
  return withLock(options, async () => action(await opened(repository, use)))
}

async function opened<R extends Repository>(repository: R, { flags }: Use): Promise<OpenedRepository<R>> {
  const keyring = new Keyring(repository, await keySource(flags))
  return { repository, keyring, sealOf: (manifest) => keyring.of(manifest) }
}

/** A snapshot that was found, and where. */
export interface OpenedSnapshot {
  repository: Repository
  seal: Seal
  listed: ListedSnapshot
  manifest: OciManifest
  config: SnapshotConfig
}

/**
 * Does something with the snapshot that a word means: one of the repository that the flags name (see `findSnapshot`), or
 * `HOST/NAME:TAG` in a registry.
 */
export async function withSnapshot<T>(
  { word, ...use }: Use & { word: string },
  action: (opened: OpenedSnapshot) => Promise<T>,
): Promise<T> {
  if (meansRegistry(word)) {
    const { repository, ...reference } = openRegistry(word, use.flags, use.signal)
    const keyring = new Keyring(repository, await keySource(use.flags))
    return action(await read(repository, keyring, await snapshotAt(repository, reference)))
  }
  return useRepository(use, async ({ repository, keyring, sealOf }) =>
    action(await read(repository, keyring, await findSnapshot(repository, sealOf, word))),
  )
}

async function read(
  repository: Repository,
  keyring: Keyring,
  listed: ListedSnapshot,
): Promise<OpenedSnapshot> {
  const manifest = await repository.readManifest(listed)
  const seal = await keyring.of(manifest)
  return { repository, seal, listed, manifest, config: await readConfig(repository, seal, manifest.config) }
}
