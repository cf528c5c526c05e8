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

/** Fills in the bytes that a catalog begins with. */
export function writeHeader(
  header: Buffer,
  { kind, isTrusted, entries, digest }: { kind: string; isTrusted: boolean; entries: number; digest: Buffer },
): void {
  header.write(kind, 0, 'latin1')
  header[8] = isTrusted ? 1 : 0
  header.writeUIntLE(entries, 16, 6)
  digest.copy(header, 24)
  header.write(bootId(), 64, 'latin1')
}
