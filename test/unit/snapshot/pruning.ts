import { type Pruned, type PrunePlan, planPrune, prune } from '../../../src/snapshot/prune/prune.ts'
import type { Policy } from '../../../src/snapshot/prune/retention.ts'
import { DirectoryRepository } from '../../../src/snapshot/repository/directory.ts'
import { quiet, sealOf } from './harness.ts'

/** What would be done. */
export async function planned(path: string, policy: Policy = {}): Promise<PrunePlan> {
  return planPrune({ repository: await DirectoryRepository.open(path), sealOf, policy, ...quiet })
}

/** Prunes a repository, as the command does once it was told to. */
export async function pruneNow(
  path: string,
  policy: Policy = {},
  report: (event: object) => void = quiet.report,
): Promise<Pruned> {
  const repository = await DirectoryRepository.open(path)
  const request = { repository, sealOf, policy, ...quiet, report }
  return prune(request, await planPrune(request))
}

// As a program of its own: prunes what it is told to, after a word that it begins.
if (process.argv[1] === import.meta.filename) {
  const [path = '', last] = process.argv.slice(2)
  process.stdout.write('begins\n')
  await pruneNow(path, { last: Number(last) })
  process.stdout.write('done\n')
}
