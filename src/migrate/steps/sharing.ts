import { treePath } from '../../launch/agent.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import { shared, sharedPaths, sharersOf } from '../checks/sharing.ts'
import type { Run } from '../run.ts'

/** Looks again, with the source at rest: somebody may have started a container that writes to what is being moved. */
export async function assertNotShared(run: Run): Promise<void> {
  const { plan, source } = run
  const manifests = plan.containers.map(({ manifest }) => manifest)
  const containers = await source.containers.list()
  const realPath = await realPaths(run, sharedPaths(manifests, containers))
  const writer = sharersOf(manifests, containers, plan.options.binds, realPath).find(({ writes }) => writes)
  if (!writer) return
  throw new WherryError(
    `${writer.kind}-shared`,
    exitCodes.unexpected,
    `${shared(writer)}, which was started meanwhile on ${source.name}.`,
    { suggestions: [`Stop it, or move both: wherry migrate ${writer.container} ${writer.other}`] },
  )
}

/** Where host paths lead to, as the source agent sees it; undefined where nothing of the host is copied. */
async function realPaths(
  { agents, plan }: Run,
  paths: readonly string[],
): Promise<((path: string) => string) | undefined> {
  if (!agents || !plan.trees.some(({ kind }) => kind === 'bind')) return undefined
  const root = treePath(plan.trees.length)
  const { paths: found } = await agents.sender.client.request('probe', { root, exist: [...paths] })
  return (path) => found.find((place) => place.path === path)?.real ?? path
}
