import { definitionDifferences, networkRequest } from './definition.ts'
import { type NetworkDriver, noObstacles } from './driver.ts'

/** Bridge networks of several engines that are one: not a kind of the engine's, but what `wherry network stretch` makes of them. */
export const stretch: NetworkDriver = {
  name: 'stretch',
  traits: {
    reach: 'cluster',
    spansEngines: true,
    namesSpanEngines: false,
    keepsMac: true,
    needsParent: false,
    announces: true,
    sharesAddresses: false,
  },
  // By its definition a network is a bridge; that it is stretched is known otherwise.
  takes: () => false,
  request: (network, { labels }) => networkRequest(network, labels),
  differences: (a, b) => definitionDifferences(a, b),
  obstacles: noObstacles,
}
