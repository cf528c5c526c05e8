import type { Report } from '../model/progress.ts'
import { removeKeeper } from './keepers.ts'
import type { Membership } from './membership.ts'

/** What is left of a member after it was parted. */
export interface Parted {
  engine: string
  network: string
  /** `kept`: it was there before, or containers are on it. */
  networkIs: 'removed' | 'kept'
}

/** Takes the links away, and the networks that were made for them where no container is on them. */
export async function part(memberships: readonly Membership[], report: Report): Promise<Parted[]> {
  const parted: Parted[] = []
  for (const { engine, network, containerId, record } of memberships) {
    report({ type: 'phase', phase: 'unstretch', message: `parting ${network} on ${engine.name}` })
    await removeKeeper(engine, containerId)
    const document = await engine.networks.inspect(network)
    const isUnused = document && Object.keys(document.Containers ?? {}).length === 0
    const isRemoved = record.madeNetwork && isUnused
    if (isRemoved) await engine.networks.remove(document.Id)
    parted.push({ engine: engine.name, network, networkIs: isRemoved ? 'removed' : 'kept' })
  }
  return parted
}
