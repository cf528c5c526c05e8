import { agentImageReference } from '../launch/image.ts'
import type { Report } from '../model/progress.ts'
import type { KnownNetwork } from './members.ts'
import { type Reconciled, reconcileGhosts } from './reconcile.ts'
import { type StretchedNetwork, stretchNetwork } from './stretch.ts'

/** What a repair did. */
export interface Repaired {
  network: StretchedNetwork
  ghosts: Reconciled[]
}

/**
 * Makes a stretched network again what it was, on the members that are there: links, and ghosts for the containers that
 * run now, with the addresses that they have now.
 */
export async function repairNetwork(
  { network, memberships, engines }: KnownNetwork,
  report: Report,
): Promise<Repaired> {
  const port = memberships[0]?.record.settings.port ?? 0
  const stretched = await stretchNetwork({ network, engines, port, labels: {}, report })
  report({ type: 'phase', phase: 'ghosts', message: `looking after the ghosts on ${network}` })
  const ghosts = await reconcileGhosts(engines, [network], await agentImageReference())
  return { network: stretched, ghosts }
}
