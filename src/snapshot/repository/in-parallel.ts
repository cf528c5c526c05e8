/** Does something with each, so many at once, and waits for those under way when one fails. @returns results in the order of the items. */
export async function inParallel<T, R>(
  items: readonly T[],
  atOnce: number,
  action: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  const waiting = items.entries()
  let hasFailed = false
  const work = async () => {
    for (const [index, item] of waiting) {
      if (hasFailed) return
      try {
        results[index] = await action(item)
      } catch (error) {
        hasFailed = true
        throw error
      }
    }
  }
  const workers = await Promise.allSettled(Array.from({ length: atOnce }, work))
  for (const worker of workers) if (worker.status === 'rejected') throw worker.reason
  return results
}
