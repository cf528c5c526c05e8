import { execa } from 'execa'

/** A long-lived child whose stdin and stdout are ours, such as an ssh that carries one connection. */
export function startDuplex(file: string, args: readonly string[], env?: Record<string, string>) {
  return execa(file, args, {
    reject: false,
    buffer: false,
    encoding: 'buffer',
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    cleanup: true,
    // Ctrl-C goes to a terminal's whole process group: what carries a connection has to outlive it, for the rollback.
    detached: process.platform !== 'win32',
    ...(env ? { env } : {}),
  })
}
