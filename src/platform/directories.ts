import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Where wherry keeps what must outlive a run (journals, the lab), as the XDG base directory specification has it.
 * `WHERRY_STATE_DIR` overrides it.
 */
export function stateDirectory(): string {
  const { WHERRY_STATE_DIR, XDG_STATE_HOME } = process.env
  if (WHERRY_STATE_DIR) return WHERRY_STATE_DIR
  return join(XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'wherry')
}

/** Where wherry keeps what it can make again: files under way, uploads that may go on. XDG_CACHE_HOME, as the same specification has it. */
export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wherry')
}

/** The Docker CLI's configuration directory: contexts, credentials and the current context live there. */
export function dockerConfigDirectory(): string {
  return process.env.DOCKER_CONFIG || join(homedir(), '.docker')
}
