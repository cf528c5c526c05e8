/** What was found about one ability of an engine. */
export interface Finding {
  /** Stable, for scripts. */
  check: 'version' | 'storage-driver' | 'free-space' | 'agent-image' | 'checkpoint' | 'stretch'
  status: 'ok' | 'missing'
  message: string
  /** What to do about it, where something is missing. */
  fix?: string
}

/** What an agent saw of an engine's host. */
export interface HostAbilities {
  freeBytes: number
  totalBytes: number
  hasCriu: boolean
  hasVxlan: boolean
  /** Undefined where it cannot be told. */
  hasWireguard?: boolean | undefined
}
