import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Flags } from '@oclif/core'
import { exitCodes, WherryError } from '../model/errors.ts'
import { meansRegistry, parseReference } from '../snapshot/repository/reference.ts'
import { RegistryRepository } from '../snapshot/repository/registry.ts'

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

/** `--yes`, for what cannot be taken back. */
export const yesFlag = Flags.boolean({ char: 'y', summary: 'Do not ask.' })

/** What a repository is named by. */
export interface RepositoryFlags {
  repo?: string | undefined
  'plain-http'?: boolean | undefined
}

/** What `--repo` means, as it was given or by default. */
export function repositoryName(flag: string | undefined): string {
  const { WHERRY_REPO, XDG_DATA_HOME } = process.env
  const own = join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'wherry', 'snapshots')
  return flag || WHERRY_REPO || own
}

/** The directory that `--repo` means. @throws WherryError `not-a-directory` (exit 2) when it means a registry. */
export function repositoryPath(flag: string | undefined): string {
  const name = repositoryName(flag)
  if (!meansRegistry(name)) return resolve(name.replace(/^~(?=\/|$)/, homedir()))
  throw new WherryError(
    'not-a-directory',
    exitCodes.usage,
    `${name} is in a registry; this needs a directory.`,
    { suggestions: ['Name a directory with --repo.'] },
  )
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
