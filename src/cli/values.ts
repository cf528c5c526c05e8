import { readFile } from 'node:fs/promises'
import { exitCodes, messageOf, WherryError } from '../model/errors.ts'
import type { GivenVariable } from '../snapshot/redact.ts'

const units: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 }

/** Bytes a second from `500k`, `50M` or `1g` (powers of ten); undefined where nothing was given. */
export function parseRate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const match = /^(\d+(?:\.\d+)?)([kmg]?)(?:b|b\/s|\/s)?$/i.exec(text.trim())
  const rate = Number(match?.[1]) * (units[match?.[2]?.toLowerCase() ?? ''] ?? Number.NaN)
  if (rate > 0) return rate
  throw new WherryError('usage', exitCodes.usage, `"${text}" is not a rate.`, {
    suggestions: ['Give bytes a second, such as 50M.'],
  })
}

/** A record from words such as `a=b`. */
export function parseMapping(words: readonly string[], flag: string): Record<string, string> {
  const mapping: Record<string, string> = Object.create(null)
  for (const word of words) {
    const [from, to, ...more] = word.split('=')
    if (!from || !to || more.length > 0) {
      throw new WherryError('usage', exitCodes.usage, `--${flag} takes OLD=NEW, not "${word}".`)
    }
    mapping[from] = to
  }
  return mapping
}

/** Variables from words such as `NAME=VALUE` or `db:NAME=VALUE`, and from a file with one in each line; words outrank it. */
export async function givenVariables(
  words: readonly string[],
  file: string | undefined,
): Promise<GivenVariable[]> {
  const lines = file === undefined ? [] : (await readLines(file)).filter((line) => !/^\s*(#|$)/.test(line))
  return [...lines, ...words].map((word) => {
    const [, container, variable, value] = /^(?:([\w.-]+):)?([^=:]+)=([\s\S]*)$/.exec(word) ?? []
    if (variable !== undefined && value !== undefined)
      return { variable, value, ...(container === undefined ? {} : { container }) }
    // What was given may be a secret: it is not shown.
    throw new WherryError('usage', exitCodes.usage, '--env takes [CONTAINER:]NAME=VALUE.')
  })
}

async function readLines(file: string): Promise<string[]> {
  try {
    return (await readFile(file, 'utf8')).split(/\r?\n/)
  } catch (error) {
    throw new WherryError('usage', exitCodes.usage, `${file} cannot be read: ${messageOf(error)}`)
  }
}

/** A part of a hundred from `5`, `5%` or `0.5%`. */
export function parsePercent(text: string): number {
  const percent = Number(/^(\d+(?:\.\d+)?)%?$/.exec(text.trim())?.[1])
  if (percent > 0 && percent <= 100) return percent
  throw new WherryError('usage', exitCodes.usage, `"${text}" is not a percentage.`, {
    suggestions: ['Give more than 0 and at most 100, such as 5.'],
  })
}
