import { driverOnParent, driverWithoutParent } from './parent.ts'

const kind = {
  name: 'macvlan',
  keepsMac: true,
  mode: { option: 'macvlan_mode', byDefault: 'bridge' },
}

/** Containers on the LAN, each with a MAC address of its own. */
export const macvlan = driverOnParent(kind)

export const macvlanWithoutParent = driverWithoutParent(kind)
