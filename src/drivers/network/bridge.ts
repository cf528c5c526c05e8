import { definitionDifferences, networkRequest } from './definition.ts'
import { type NetworkDriver, noObstacles } from './driver.ts'

/** A network inside one engine. The target gets another one like it. */
export const bridge: NetworkDriver = {
  name: 'bridge',
  traits: {
    reach: 'engine',
    spansEngines: false,
    namesSpanEngines: false,
    keepsMac: true,
    needsParent: false,
    announces: false,
    sharesAddresses: false,
  },
  takes: ({ Driver }) => Driver === 'bridge',
  request: (network, { labels }) => networkRequest(network, labels),
  differences: (a, b) => definitionDifferences(a, b),
  obstacles: noObstacles,
}
