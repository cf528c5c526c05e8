import { ghostedNetworks, partedNetworks, stayingPeers } from '../plan-ghosts.ts'
import { type Check, findings } from './check.ts'

/** Nobody loses the containers that move, or is lost by them, without being told. */
export const checkPeers: Check = (facts, options) => {
  const found = findings()
  const { manifests, source, target } = facts
  const moving = manifests.map(({ name }) => name)
  for (const network of partedNetworks(facts, options)) {
    const peers = stayingPeers(facts, [network]).map(({ name }) => name)
    if (peers.length === 0) continue
    const lost = `${peers.join(', ')} on ${source.name} would no longer reach ${moving.join(', ')} on network ${network}, nor be reached`
    if (options.leavePeers) found.warn('peers-left', `${lost}.`)
    else {
      found.refuse(
        'peers-left',
        `${lost}.`,
        'Join the network of both engines, so that all is reached as before: --stretch',
        `Or move all: wherry migrate ${[...moving, ...peers].join(' ')} --to ${target.name}`,
        'Or accept that: --leave-peers',
      )
    }
  }
  const ghosted = ghostedNetworks(facts, options)
  if (ghosted.length > 0) {
    for (const { name, hostConfig, state } of manifests) {
      if (!state.running || (options.consistency === 'clean' && !hostConfig.AutoRemove)) continue
      found.refuse(
        'frozen-holds-address',
        `${name} would be frozen, not stopped, and go on holding its address on ${ghosted.join(', ')}.`,
        hostConfig.AutoRemove
          ? 'Containers with --rm cannot be moved over a stretched network so far: --leave-peers, and no --stretch'
          : 'Leave --consistency crash out.',
      )
    }
  }
  return found
}
