import type { NetworkDocument } from '../../model/documents.ts'
import { bridge } from './bridge.ts'
import type { NetworkDriver } from './driver.ts'
import { ipvlan, ipvlanWithoutParent } from './ipvlan.ts'
import { macvlan, macvlanWithoutParent } from './macvlan.ts'
import { overlay } from './overlay.ts'

/** All drivers. The first that takes a network has it: a kind that is built on another one comes before that. */
export const networkDrivers: readonly NetworkDriver[] = [
  macvlan,
  macvlanWithoutParent,
  ipvlan,
  ipvlanWithoutParent,
  overlay,
  bridge,
]

/** The driver of a network; undefined for kinds that nothing is known of. */
export function driverOf(network: NetworkDocument): NetworkDriver | undefined {
  return networkDrivers.find((driver) => driver.takes(network))
}
