import type { NetworkDriver } from './driver.ts'
import { driverOnParent, driverWithoutParent } from './parent.ts'

const kind = {
  name: 'ipvlan',
  keepsMac: false,
  mode: { option: 'ipvlan_mode', byDefault: 'l2' },
}
const onParent = driverOnParent(kind)

/** Containers on the LAN behind their host's MAC address, which is another one after a move. */
export const ipvlan: NetworkDriver = {
  ...onParent,
  obstacles(network, surroundings) {
    const { refusals, warnings } = onParent.obstacles(network, surroundings)
    const mode = network.Options?.[kind.mode.option] ?? kind.mode.byDefault
    if (mode === 'l2') return { refusals, warnings }
    // It answers no ARP: what others send comes by a route to the host (kernel documentation, networking/ipvlan).
    const message = `The network ${network.Name} works in the mode ${mode}: addresses in it are found by routes, which have to lead to ${surroundings.target.name} after the move.`
    return { refusals, warnings: [...warnings, { code: 'routes-needed', message }] }
  },
}

/** Containers of one engine behind one MAC address. */
export const ipvlanWithoutParent = driverWithoutParent(kind)
