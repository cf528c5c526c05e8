import { createHash } from 'node:crypto'
import t from 'tap'
import { recordProblems } from '../../faults/records.ts'

function record(number: number, nonce: string): string {
  const checksum = createHash('sha256').update(`${number} ${nonce}`).digest('hex').slice(0, 16)
  return `${number} ${nonce} ${checksum}\n`
}

const acknowledged = [
  { number: 1, nonce: 'a' },
  { number: 2, nonce: 'b' },
  { number: 3, nonce: 'c' },
]
const whole = record(1, 'a') + record(2, 'b') + record(3, 'c')

t.test('records beyond the acknowledged ones, and one that is just being written, are fine', async (t) => {
  t.strictSame(recordProblems(whole, acknowledged), [])
  t.strictSame(recordProblems(whole + record(4, 'd'), acknowledged), [])
  t.strictSame(recordProblems(`${whole}4 d 12`, acknowledged), [])
})

t.test('a lost, a replaced, a damaged and a misplaced record are found', async (t) => {
  const lost = recordProblems(record(1, 'a') + record(2, 'b'), acknowledged)
  t.match(lost, [/1 acknowledged records are lost, from 3 on: there are 2/])
  const replaced = recordProblems(record(1, 'a') + record(2, 'x') + record(3, 'c'), acknowledged)
  t.match(replaced, [/1 acknowledged records are lost, from 2 on: another is in its place/])
  const damaged = recordProblems(whole.replace('2 b', '2 B'), acknowledged)
  t.match(damaged, [/record 2 is damaged/, /lost, from 2/])
  const misplaced = recordProblems(record(2, 'b') + record(1, 'a') + record(3, 'c'), acknowledged)
  t.match(misplaced, [/record 1 is damaged/, /2 acknowledged records are lost, from 1/])
  t.match(recordProblems('', acknowledged), [/3 acknowledged records are lost, from 1 on: there are 0/])
})
