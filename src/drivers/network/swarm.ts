/** What an engine says of the swarm that it is in (`Swarm` of `GET /info`). */
export interface SwarmMembership {
  LocalNodeState?: string
  NodeID?: string
  RemoteManagers?: { NodeID: string; Addr: string }[] | null
}

/**
 * Whether two engines are nodes of one swarm. Only managers tell the swarm's id; what every node tells is which managers
 * it knows, and a node is managed by those of its own swarm alone.
 */
export function sameSwarm(a: SwarmMembership, b: SwarmMembership): boolean {
  if (a.LocalNodeState !== 'active' || b.LocalNodeState !== 'active') return false
  const managers = new Set((a.RemoteManagers ?? []).map(({ NodeID }) => NodeID))
  return (b.RemoteManagers ?? []).some(({ NodeID }) => managers.has(NodeID))
}
