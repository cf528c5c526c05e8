import { createHash } from 'node:crypto'

/** A record as its client knows it: acknowledged with this number, after it was synced to disk. */
export interface Acknowledgement {
  number: number
  nonce: string
}

/**
 * What is wrong with a file of records, given what was acknowledged: every record must be whole, in order, and the one
 * that was acknowledged with its number. Records beyond those are fine, as is a last line that is just being written.
 */
export function recordProblems(content: string, acknowledged: readonly Acknowledgement[]): string[] {
  const lines = content.split('\n').slice(0, -1)
  const damaged = lines.findIndex((line, index) => !isWhole(line, index + 1))
  const problems = damaged < 0 ? [] : [`record ${damaged + 1} is damaged: ${lines[damaged]?.slice(0, 80)}`]
  const lost = acknowledged.filter(({ number, nonce }) => lines[number - 1]?.split(' ')[1] !== nonce)
  const [first] = lost
  if (first) {
    const found = lines[first.number - 1]
    problems.push(
      `${lost.length} acknowledged records are lost, from ${first.number} on: ${found ? 'another is in its place' : `there are ${lines.length}`}`,
    )
  }
  return problems
}

function isWhole(line: string, number: number): boolean {
  const [written, nonce, checksum] = line.split(' ')
  const expected = createHash('sha256').update(`${number} ${nonce}`).digest('hex').slice(0, 16)
  return written === String(number) && checksum === expected
}
