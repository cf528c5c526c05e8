import { exitCodes, RefusedError, WherryError } from '../model/errors.ts'
import { type CopyRequest, type CopyResult, copySnapshot } from './copy.ts'
import type { RegistryRepository } from './repository/registry.ts'

export interface PullRequest extends Omit<CopyRequest, 'from' | 'phase' | 'snapshot'> {
  from: RegistryRepository
  tag?: string
  digest?: string
}

/**
 * Copies the snapshot that a tag or digest names from a registry.
 * @throws WherryError `no-tag` (exit 2) where none is named, RefusedError `unknown-snapshot` or `not-a-snapshot`.
 */
export async function pullSnapshot(request: PullRequest): Promise<CopyResult> {
  const { digest, from, tag } = request
  const wanted = digest ?? tag
  const suggestions = [`See which there are: wherry snapshot list --repo ${from.name}`]
  if (wanted === undefined) {
    throw new WherryError('no-tag', exitCodes.usage, `Which snapshot in ${from.name}? Name its id or tag.`, {
      suggestions: [`wherry snapshot pull ${from.name}:ID`, ...suggestions],
    })
  }
  const snapshot = await from.at(wanted)
  if (snapshot) return copySnapshot({ ...request, snapshot, phase: 'pull' })
  const data = { repository: from.name, reference: wanted }
  const isThere = (await from.digestAt(wanted)) !== undefined
  throw isThere
    ? new RefusedError('not-a-snapshot', `${wanted} in ${from.name} is no snapshot of wherry.`, {
        suggestions,
        data,
      })
    : new RefusedError('unknown-snapshot', `There is no ${wanted} in ${from.name}.`, { suggestions, data })
}
