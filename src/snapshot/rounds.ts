/** Another round is not worth it when the last read so little, or was so quick. */
const smallBytes = 32 << 20
const quickSeconds = 0.5
const maxRounds = 5
/** A round that read more than this share of the one before says that somebody writes as fast as we read. */
const noProgress = 0.7

/** Whether reading once more while the containers run is worth it. */
export function anotherRound(rounds: readonly { bytes: number; seconds: number }[]): boolean {
  const [before, last] = rounds.slice(-2).length === 2 ? rounds.slice(-2) : [undefined, rounds.at(-1)]
  if (!last) return true
  if (rounds.length >= maxRounds || last.bytes < smallBytes || last.seconds < quickSeconds) return false
  return !before || last.bytes < before.bytes * noProgress
}
