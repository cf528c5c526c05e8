import type { NetworkDocument } from '../../model/documents.ts'
import type { NetworkDriver, Obstacles, Surroundings } from './driver.ts'
import { sameSwarm } from './swarm.ts'

/** A network of a swarm, which is on all its nodes: it is joined, never made. */
export const overlay: NetworkDriver = {
  name: 'overlay',
  traits: {
    reach: 'cluster',
    spansEngines: true,
    namesSpanEngines: true,
    keepsMac: true,
    needsParent: false,
    announces: false,
    sharesAddresses: true,
  },
  takes: ({ Driver }) => Driver === 'overlay',
  request: () => undefined,
  // Ids of a swarm's networks are the same on all its nodes.
  differences: (a, b) => (a.Id === b.Id ? [] : ['id']),
  obstacles,
}

function obstacles(network: NetworkDocument, { source, target }: Surroundings): Obstacles {
  const { Name, Ingress, Attachable, Options } = network
  const refusals: Obstacles['refusals'] = []
  const warnings: Obstacles['warnings'] = []
  if (Ingress || !Attachable) {
    refusals.push({
      code: 'not-attachable',
      message: `The overlay network ${Name} is ${Ingress ? "the swarm's ingress" : 'not attachable'}: only tasks of services can be in it.`,
      suggestions: [
        'Let the swarm move a service: docker service update --constraint-add node.hostname==NODE',
        'For other containers: docker network create --driver overlay --attachable',
      ],
    })
  }
  if (!sameSwarm(source.swarm, target.swarm)) {
    refusals.push({
      code: 'other-swarm',
      message: `${Name} is an overlay network of ${source.name}'s swarm, of which ${target.name} is not a node.`,
      suggestions: [
        `Make it one: docker swarm join-token worker, on a manager of ${source.name}'s swarm.`,
        `Or map the network to one that is there: --map-network ${Name}=OTHER`,
      ],
    })
  } else if (Options && 'encrypted' in Options) {
    warnings.push({
      code: 'overlay-encrypted',
      message: `The overlay network ${Name} is encrypted: ${target.name}'s kernel needs IPsec (xfrm, esp), and nothing between the hosts may hold back ESP. Neither can be seen beforehand.`,
    })
  }
  return { refusals, warnings }
}
