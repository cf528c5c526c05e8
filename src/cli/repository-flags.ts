import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Flags } from '@oclif/core'
import type { Report } from '../model/progress.ts'
import { findSnapshot } from '../snapshot/browse/find.ts'
import type { SnapshotConfig } from '../snapshot/config.ts'
import { Keyring } from '../snapshot/keyring.ts'
import { readConfig } from '../snapshot/read-config.ts'
import { DirectoryRepository } from '../snapshot/repository/directory.ts'
import { type LockKind, withLock } from '../snapshot/repository/locks.ts'
import type { OciManifest } from '../snapshot/repository/oci.ts'
import type { ListedSnapshot } from '../snapshot/repository/repository.ts'
import type { Seal } from '../snapshot/seal.ts'
import { type KeyFlags, keySource } from './key-flags.ts'

/** `--repo`, shared by everything that works with snapshots. */
export const repoFlag = Flags.string({
  summary: 'Where snapshots are kept: a directory.',
  description: 'Without it, WHERRY_REPO, or else wherry/snapshots in XDG_DATA_HOME (~/.local/share).',
  helpValue: 'DIRECTORY',
})

/** `--yes`, for what cannot be taken back. */
export const yesFlag = Flags.boolean({ char: 'y', summary: 'Do not ask.' })

const patienceMs = 10 * 60_000

/** The directory that `--repo` means. */
export function repositoryPath(flag: string | undefined): string {
  const { WHERRY_REPO, XDG_DATA_HOME } = process.env
  const given = flag || WHERRY_REPO
  return given
    ? resolve(given)
    : join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'wherry', 'snapshots')
}

interface Use {
  flags: { repo?: string | undefined } & KeyFlags
  /** What others are told that have to wait. */
  purpose: string
  /** Make one where there is none. */
  create?: boolean
  /** Also one whose own files are damaged. */
  evenDamaged?: boolean
  /** Whether it is of no use without the key of what is encrypted; so it is unless told, or made. */
  needsKey?: boolean
  lock?: LockKind
  report: Report
}

/** A repository, and the keys of its snapshots. */
export interface OpenedRepository {
  repository: DirectoryRepository
  keyring: Keyring
  /** What the newest snapshot is sealed with. */
  seal: Seal
}

/** Does something with the repository that the flags name, locked against what must not happen at the same time. */
export async function useRepository<T>(
  { flags, purpose, create = false, evenDamaged = false, needsKey = !create, lock = 'shared', report }: Use,
  action: (opened: OpenedRepository) => Promise<T>,
): Promise<T> {
  const source = await keySource(flags)
  const path = repositoryPath(flags.repo)
  const repository = await (create
    ? DirectoryRepository.openOrCreate(path)
    : DirectoryRepository.open(path, { evenDamaged }))
  const options = { directory: repository.lockDirectory, kind: lock, purpose, patienceMs, report }
  return withLock(options, async () => {
    const keyring = new Keyring(repository, source)
    return action({ repository, keyring, seal: await keyring.ofNewest(needsKey) })
  })
}

/** A snapshot that was found, and where. */
export interface OpenedSnapshot {
  repository: DirectoryRepository
  seal: Seal
  listed: ListedSnapshot
  manifest: OciManifest
  config: SnapshotConfig
}

/** Does something with the snapshot that a word means (see `findSnapshot`). */
export function withSnapshot<T>(
  { word, ...use }: Use & { word: string },
  action: (opened: OpenedSnapshot) => Promise<T>,
): Promise<T> {
  return useRepository({ ...use, needsKey: false }, async ({ repository, keyring, seal: newest }) => {
    const listed = await findSnapshot(repository, newest, word)
    const manifest = await repository.readManifest(listed)
    const seal = await keyring.of(manifest)
    return action({
      repository,
      seal,
      listed,
      manifest,
      config: await readConfig(repository, seal, manifest.config),
    })
  })
}
