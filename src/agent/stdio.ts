import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'

/**
 * Standard output without blocking: Node writes to pipes synchronously, and a reader that is slow would keep the agent
 * from noticing anything else.
 */
export function stdout(): Writable {
  const stat = fstatSync(1)
  if (!stat.isFIFO() && !stat.isSocket()) return process.stdout
  return new Socket({ fd: 1, readable: false, writable: true })
}
