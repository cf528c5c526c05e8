import { agentImageReference } from '../launch/image.ts'
import type { Report } from '../model/progress.ts'
import type { KnownNetwork, MissingMember } from './members.ts'
import { type Reconciled, reconcileGhosts } from './reconcile.ts'
import { type StretchedNetwork, stretchNetwork } from './stretch.ts'

/** What a repair did. */
export interface Repaired {
  network: StretchedNetwork
  ghosts: Reconciled[]
  /** Members that do not answer: they stay members, and nothing was done there. */
  absent: MissingMember[]
}

/**
 * Makes a stretched network again what it was, on the members that are there: links, and ghosts for the containers that
 * run now, with the addresses that they have now. As long as a member does not answer ghosts are left as they are, for nobody
 * knows what it has.
 */
export async function repairNetwork(
  { network, engines, missing }: KnownNetwork,
  report: Report,
): Promise<Repaired> {
  const absent = missing.filter(({ isAbsent }) => isAbsent)
  const request = { network, engines, absent, labels: {}, report }
  const stretched = await stretchNetwork({ ...request, encryption: 'where-possible' })
  for (const { engine, reason } of absent) {
    const message = `${engine} stays a member of ${network}, but does not answer, and ghosts were left as they are (${reason}). If it is gone for good: wherry network unstretch ${network} --forget ${engine}`
    report({ type: 'warning', code: 'member-absent', message })
  }
  if (absent.length > 0) return { network: stretched, ghosts: [], absent }
  report({ type: 'phase', phase: 'ghosts', message: `looking after the ghosts on ${network}` })
  const ghosts = await reconcileGhosts(engines, [network], await agentImageReference())
  return { network: stretched, ghosts, absent }
}
