import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Flags } from '@oclif/core'
import type { Report } from '../model/progress.ts'
import { DirectoryRepository } from '../snapshot/repository/directory.ts'
import { type LockKind, withLock } from '../snapshot/repository/locks.ts'
import type { Repository } from '../snapshot/repository/repository.ts'
import { type Seal, type SealOf, unsealed } from '../snapshot/seal.ts'

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
  flags: { repo?: string | undefined }
  /** What others are told that have to wait. */
  purpose: string
  /** Make one where there is none. */
  create?: boolean
  /** Also one whose own files are damaged. */
  evenDamaged?: boolean
  lock?: LockKind
  report: Report
}

/** Does something with the repository that the flags name, locked against what must not happen at the same time. */
export async function useRepository<T>(
  { flags, purpose, create = false, evenDamaged = false, lock = 'shared', report }: Use,
  action: (opened: { repository: DirectoryRepository; seal: Seal; sealOf: SealOf }) => Promise<T>,
): Promise<T> {
  const path = repositoryPath(flags.repo)
  const repository = await (create
    ? DirectoryRepository.openOrCreate(path)
    : DirectoryRepository.open(path, { evenDamaged }))
  const options = { directory: repository.lockDirectory, kind: lock, purpose, patienceMs, report }
  return withLock(options, () => action({ repository, seal: unsealed, sealOf: async () => unsealed }))
}

export type { Repository }
