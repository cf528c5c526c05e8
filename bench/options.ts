import { parseArgs } from 'node:util'
import { setNames } from './data-sets.ts'
import { methods } from './methods/all.ts'

/** What a run is asked for. */
export interface Options {
  scale: number
  only: string[]
  sets: string[]
  repeat: number
}

/** The methods, what forwarders and stretched networks let through, and snapshots beside restic and borg. */
const methodNames = [...methods.map(({ name }) => name), 'forward', 'stretch', 'snapshots']

export const usage = `npm run bench -- [--scale F] [--only NAME]... [--sets NAME]... [--repeat N]

  --scale F    data sets of F times their full size (default 1)
  --only NAME  these only: ${methodNames.join(', ')}
  --sets NAME  these data sets only: ${setNames.join(', ')}
  --repeat N   measure each N times and give the median (default 1)

--only and --sets take several names, separated by spaces or commas, and can be given several times.
`

/**
 * Reads the command line; undefined when help is asked for.
 * @throws Error that says what is wrong with it.
 */
export function parseOptions(words: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: joinLists(words),
    options: {
      scale: { type: 'string', default: '1' },
      only: { type: 'string', multiple: true },
      sets: { type: 'string', multiple: true },
      repeat: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return undefined
  const scale = Number(values.scale)
  const repeat = Number(values.repeat)
  if (!(scale > 0 && scale <= 10)) throw new Error(`--scale takes a number from 0 to 10, not ${values.scale}`)
  if (!Number.isInteger(repeat) || repeat < 1) throw new Error(`--repeat takes a count, not ${values.repeat}`)
  return {
    scale,
    repeat,
    only: chosen('--only', values.only, methodNames),
    sets: chosen('--sets', values.sets, setNames),
  }
}

/** `--only a b` becomes `--only a,b`, which parseArgs understands. */
function joinLists(words: readonly string[]): string[] {
  const joined: string[] = []
  let inList = false
  for (const word of words) {
    if (word.startsWith('-')) {
      inList = false
      joined.push(word)
    } else if (inList) joined.push(`${joined.pop()},${word}`)
    else {
      inList = ['--only', '--sets'].includes(joined.at(-1) ?? '')
      joined.push(word)
    }
  }
  return joined
}

function chosen(flag: string, given: readonly string[] | undefined, known: readonly string[]): string[] {
  if (!given) return [...known]
  const names = given.flatMap((list) => list.split(',')).filter((name) => name !== '')
  const unknown = names.find((name) => !known.includes(name))
  if (unknown) throw new Error(`${flag} knows ${known.join(', ')}, not ${unknown}`)
  return known.filter((name) => names.includes(name))
}
