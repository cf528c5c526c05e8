/** One of several ways of doing the same, with the median of what it achieved. */
export interface Compared {
  median: number
  /** The median of the rounds' own ratios to the yardstick: what else the machine does then counts on both sides. */
  ratio: number
}

const rounds = 5

/** Measures a yardstick and other ways of doing the same, taking turns. */
export async function inTurns<Way extends string>(
  yardstick: Way,
  others: readonly Way[],
  measure: (way: Way) => Promise<number>,
): Promise<Record<Way, Compared>> {
  const ways = [yardstick, ...others]
  const all: number[][] = []
  for (let round = 0; round < rounds; round++) {
    const figures: number[] = []
    for (const way of ways) figures.push(await measure(way))
    all.push(figures)
  }
  const compared = ways.map((way, index): [Way, Compared] => [
    way,
    {
      median: median(all.map((figures) => figures[index] ?? 0)),
      ratio: median(all.map((figures) => (figures[index] ?? 0) / (figures[0] ?? 0))),
    },
  ])
  return Object.fromEntries(compared) as Record<Way, Compared>
}

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
