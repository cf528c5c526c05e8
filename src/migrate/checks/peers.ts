import { isBuiltInNetwork } from '../../model/manifest.ts'
import { stayingPeers, stretchedNetworks } from '../plan-ghosts.ts'
import { type Check, findings } from './check.ts'

/** Nobody loses the containers that move, or is lost by them, without being told. */
export const checkPeers: Check = (facts, options) => {
  const found = findings()
  const stretched = stretchedNetworks(facts, options)
  const { manifests, source, target } = facts
  const moving = manifests.map(({ name }) => name)
  const networks = new Set(
    manifests
      .flatMap((manifest) => manifest.networks)
      .filter(({ Name, Driver }) => Driver === 'bridge' && !isBuiltInNetwork(Name))
      .map(({ Name }) => Name)
      .filter((name) => !stretched.includes(name)),
  )
  for (const network of networks) {
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
  if (stretched.length > 0) {
    for (const { name, hostConfig, state } of manifests) {
      if (!state.running || (options.consistency === 'clean' && !hostConfig.AutoRemove)) continue
      found.refuse(
        'frozen-holds-address',
        `${name} would be frozen, not stopped, and go on holding its address on ${stretched.join(', ')}.`,
        hostConfig.AutoRemove
          ? 'Containers with --rm cannot be moved over a stretched network so far: --leave-peers, and no --stretch'
          : 'Leave --consistency crash out.',
      )
    }
  }
  return found
}
