import { exitCodes, NotVerifiedError, RefusedError, WherryError } from '../../model/errors.ts'

/** The error for something in a repository that is not what its digest says, or makes no sense. */
export function damaged(repository: string, what: string, cause?: unknown): NotVerifiedError {
  return new NotVerifiedError(`${what} in ${repository} is damaged.`, {
    ...(cause === undefined ? {} : { cause }),
    suggestions: [
      `See what else is: wherry snapshot verify --read-data --repo ${repository}`,
      'Take the snapshot from another copy of the repository, or make a new one while the container is there.',
    ],
    data: { repository, what },
  })
}

/** The error for something that a snapshot needs and its repository does not have. */
export function missing(repository: string, what: string): WherryError {
  return new WherryError('blob-missing', exitCodes.notVerified, `${what} is missing in ${repository}.`, {
    suggestions: [`See what else is: wherry snapshot verify --repo ${repository}`],
    data: { repository, what },
  })
}

/** The error for a place where no repository is. */
export function noRepository(path: string): RefusedError {
  return new RefusedError('no-repository', `There is no repository at ${path}.`, {
    suggestions: ['Name another with --repo, or make a first snapshot: wherry snapshot create CONTAINER'],
    data: { path },
  })
}

/** The error for a place where something else is. */
export function notARepository(path: string): RefusedError {
  const message = `${path} holds something that is no OCI image layout 1.0.0.`
  return new RefusedError('not-a-repository', message, {
    suggestions: ['Name an empty directory, or one that does not exist yet.'],
    data: { path },
  })
}
