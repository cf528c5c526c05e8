import { readFileSync } from 'node:fs'

/**
 * A catalog file: what a tree held after a round, entry by entry in walk order, never in memory as a whole.
 * The bytes are described in docs/design/agent.md; entries themselves in entry.ts.
 */

/** The last character is the version. */
export const magic = 'WHERRYC1'
export const headerBytes = 128
export const bufferBytes = 1 << 20

/** Data that was written before a crash may be gone after it while a catalog says that it is there. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().padEnd(36).slice(0, 36)
  } catch {
    return ''.padEnd(36)
  }
}
