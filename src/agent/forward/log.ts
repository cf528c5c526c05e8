/** Tells what happened, in one line. */
export type Log = (line: string) => void

const quietMs = 10_000

/** Writes to stderr with the time. The same line at most every 10 s: a target that is down has many clients. */
export function newLog(): Log {
  const lastAt = new Map<string, number>()
  return (line) => {
    const now = Date.now()
    if (now - (lastAt.get(line) ?? 0) < quietMs) return
    if (lastAt.size > 1000) lastAt.clear()
    lastAt.set(line, now)
    process.stderr.write(`${new Date(now).toISOString()} ${line}\n`)
  }
}
