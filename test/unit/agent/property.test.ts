import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { snapshot, startPair } from './agents.ts'

const program = join(import.meta.dirname, 'mutate.py')
const rounds = Number(process.env.WHERRY_TEST_ROUNDS ?? 6)

t.test('after every round of random changes both trees are the same', async (t) => {
  const seed = Number(process.env.WHERRY_TEST_SEED ?? Date.now() % 1_000_000)
  t.comment(`seed ${seed}: run again with WHERRY_TEST_SEED=${seed}`)
  const pair = await startPair()
  t.teardown(pair.stop)
  for (let round = 0; round < rounds; round++) {
    execFileSync('python3', [program, pair.from, String(seed + round), round === 0 ? '120' : '25'])
    await pair.round({ final: round === rounds - 1 })
    if (!t.strictSame(snapshot(pair.to), snapshot(pair.from), `round ${round + 1} of seed ${seed}`)) break
  }
})
