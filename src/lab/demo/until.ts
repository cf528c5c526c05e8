import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again and again until the answer is yes or the time is over; a question that throws counts as no. */
export async function until(timeoutMs: number, question: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  do {
    if (await question().catch(() => false)) return true
    await sleep(50)
  } while (performance.now() < deadline)
  return false
}
