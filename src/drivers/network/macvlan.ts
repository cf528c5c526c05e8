import { driverOnParent, driverWithoutParent } from './parent.ts'

const kind = {
  name: 'macvlan',
  keepsMac: true,
  mode: { option: 'macvlan_mode', byDefault: 'bridge' },
}

/** Containers on the LAN, each with a MAC address of its own. */
export const macvlan = driverOnParent(kind)

/** Containers of one engine that see each other as on a LAN. */
export const macvlanWithoutParent = driverWithoutParent(kind)
