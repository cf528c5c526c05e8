import type { NetworkDocument } from '../../model/documents.ts'
import { definitionDifferences, networkRequest } from './definition.ts'
import type { NetworkDriver, NetworkTraits, Obstacles, Surroundings } from './driver.ts'

/** What tells macvlan and ipvlan apart. */
export interface ParentKind {
  /** The driver's and the kernel module's name. */
  name: string
  keepsMac: boolean
  /** Which of its options says how it works, and what is meant where it is not given. */
  mode: { option: string; byDefault: string }
}

/**
 * A driver whose networks lie on an interface of the host, the parent, as engines have two of them (libnetwork,
 * drivers/macvlan and drivers/ipvlan). The network is that of the LAN: it is the same one on every engine there,
 * whatever the parent is called, which gateway is used and from which range an engine chooses addresses.
 */
export function driverOnParent(kind: ParentKind): NetworkDriver {
  const { name, keepsMac } = kind
  const traits: NetworkTraits = {
    reach: 'lan',
    spansEngines: true,
    namesSpanEngines: false,
    keepsMac,
    needsParent: true,
    announces: true,
    sharesAddresses: false,
  }
  return {
    name,
    traits,
    kernelModule: name,
    takes: (network) => network.Driver === name && parentOf(network) !== undefined,
    request: (network, { labels, parent }) =>
      networkRequest(
        { ...network, Options: { ...network.Options, parent: parent ?? parentOf(network) ?? '' } },
        labels,
      ),
    differences: (a, b) =>
      definitionDifferences(withMode(a, kind), withMode(b, kind), { options: ['parent'], gateway: true }),
    obstacles: (network, surroundings) => ({
      refusals: [
        ...moduleMissing(name, network, surroundings),
        ...parentMissing(parentOf(network) ?? '', network, surroundings),
      ],
      warnings: [],
    }),
  }
}

/** The same kind of network without a parent: the engine makes a dummy interface, and nobody outside reaches it. */
export function driverWithoutParent(kind: ParentKind): NetworkDriver {
  const { name, keepsMac } = kind
  return {
    name: `${name} without a parent`,
    traits: {
      reach: 'engine',
      spansEngines: false,
      namesSpanEngines: false,
      keepsMac,
      needsParent: false,
      announces: false,
      sharesAddresses: false,
    },
    kernelModule: name,
    takes: (network) => network.Driver === name && parentOf(network) === undefined,
    request: (network, { labels }) => {
      // A dummy's name is made from the network's id: the target's engine makes its own.
      const { parent: _dummy, ...options } = network.Options ?? {}
      return networkRequest({ ...network, Options: options }, labels)
    },
    differences: (a, b) =>
      definitionDifferences(withMode(a, kind), withMode(b, kind), { options: ['parent'] }),
    obstacles: (network, surroundings) => ({
      refusals: moduleMissing(name, network, surroundings),
      warnings: [],
    }),
  }
}

/** The interface that a network lies on; undefined where the engine has made a dummy (`dm-…`, `di-…` and 12 digits of its id). */
function parentOf({ Options }: NetworkDocument): string | undefined {
  const parent = Options?.parent
  return !parent || /^d[mi]-[0-9a-f]{12}$/.test(parent) ? undefined : parent
}

function withMode(network: NetworkDocument, { mode }: ParentKind): NetworkDocument {
  return { ...network, Options: { [mode.option]: mode.byDefault, ...network.Options } }
}

/** Engines create such a network without asking the kernel: only the start of a container would fail. */
function moduleMissing(
  module: string,
  { Name }: NetworkDocument,
  { target }: Surroundings,
): Obstacles['refusals'] {
  if (target.host?.modules[module] !== false) return []
  return [
    {
      code: 'no-kernel-module',
      message: `The network ${Name} needs ${module}, which the kernel of ${target.name} does not have.`,
      suggestions: [
        `Load it on that host (modprobe ${module}), or take a kernel that has it.`,
        `Or map the network to another one: --map-network ${Name}=OTHER`,
      ],
    },
  ]
}

function parentMissing(
  own: string,
  { Name }: NetworkDocument,
  { target, isThere, parent = own }: Surroundings,
): Obstacles['refusals'] {
  if (isThere || !target.host) return []
  const { interfaces } = target.host
  // Of a name such as eth0.50 the engine makes the VLAN's interface itself where there is none.
  const [, base, tag] = /^(.+)\.(\d+)$/.exec(parent) ?? []
  const isVlan = base !== undefined && interfaces.includes(base) && Number(tag) >= 1 && Number(tag) <= 4094
  if (interfaces.includes(parent) || isVlan) return []
  return [
    {
      code: 'no-parent',
      message: `The network ${Name} lies on the interface ${parent}, which ${target.name}'s host does not have.`,
      suggestions: [
        `Name the one that is on the same network there: --map-parent ${Name}=INTERFACE`,
        `It has: ${interfaces.filter((candidate) => !/^(lo|docker0|docker_gwbridge|veth.*|br-[0-9a-f]{12})$/.test(candidate)).join(', ')}.`,
      ],
    },
  ]
}
