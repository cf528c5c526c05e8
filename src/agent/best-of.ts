/** How long those before the one that came to something first are waited for, at least. */
const headStartMs = 300

/**
 * The first in order of those that come to something, whichever is done first. Once one is, those before it have as long again as
 * it took: what is better may be a little slower, and more so on a busy machine. The attempts must not reject.
 */
export async function bestOf<T extends object>(
  attempts: readonly Promise<T | undefined>[],
  leastMs = headStartMs,
): Promise<T | undefined> {
  const begun = performance.now()
  const open = new Set(attempts.keys())
  const results: (T | undefined)[] = attempts.map(() => undefined)
  const best = () => results.findIndex((result) => result !== undefined)
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>((resolve) => {
    if (open.size === 0) resolve()
    for (const [index, attempt] of attempts.entries()) {
      attempt.then((result) => {
        results[index] = result
        open.delete(index)
        const isBest = best() >= 0 && [...open].every((other) => other > best())
        if (isBest || open.size === 0) resolve()
        else if (best() >= 0) timer ??= setTimeout(resolve, Math.max(leastMs, performance.now() - begun))
      })
    }
  })
  clearTimeout(timer)
  return results[best()]
}
