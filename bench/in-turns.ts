/** Two ways of doing the same, each with the median of what it achieved. */
export interface Compared {
  yardstick: number
  measured: number
  /** The median of the rounds' own ratios: what else the machine does then counts on both sides. */
  ratio: number
}

const rounds = 5

/** Measures both ways, taking turns. */
export async function inTurns(
  yardstick: () => Promise<number>,
  measured: () => Promise<number>,
): Promise<Compared> {
  const pairs: [number, number][] = []
  for (let round = 0; round < rounds; round++) pairs.push([await yardstick(), await measured()])
  return {
    yardstick: median(pairs.map(([one]) => one)),
    measured: median(pairs.map(([, other]) => other)),
    ratio: median(pairs.map(([one, other]) => other / one)),
  }
}

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
