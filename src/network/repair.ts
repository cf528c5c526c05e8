import type { Report } from '../model/progress.ts'
import type { KnownNetwork } from './members.ts'
import { type StretchedNetwork, stretchNetwork } from './stretch.ts'

/** Makes a stretched network again what it was, on the members that are there. */
export function repairNetwork(
  { network, memberships }: KnownNetwork,
  report: Report,
): Promise<StretchedNetwork> {
  const port = memberships[0]?.record.settings.port ?? 0
  const engines = memberships.map(({ engine }) => engine)
  return stretchNetwork({ network, engines, port, labels: {}, report })
}
