/** What a ghost holds on one network. */
export interface GhostEndpoint {
  network: string
  ipv4: string
  ipv6: string
  mac: string
  /** The container's name and aliases there. */
  names: string[]
}

/** An endpoint that holds a container's names and addresses on an engine where the container itself is not. */
export interface Ghost {
  /** The name of the container that it stands for. */
  of: string
  endpoints: GhostEndpoint[]
}
