import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { Pair, sameTrees } from './agents.ts'

const agents = new Pair()
t.teardown(agents.stop)

const program = join(import.meta.dirname, 'mutate.py')
const rounds = Number(process.env.WHERRY_TEST_ROUNDS ?? 6)

t.test('after every round of random changes both trees are the same', async (t) => {
  const seed = Number(process.env.WHERRY_TEST_SEED ?? Date.now() % 1_000_000)
  t.comment(`seed ${seed}: run again with WHERRY_TEST_SEED=${seed}`)
  const pair = await agents.fresh()
  for (let round = 0; round < rounds; round++) {
    execFileSync('python3', [program, pair.from, String(seed + round), round === 0 ? '120' : '25'])
    await pair.round({ final: round === rounds - 1 })
    t.comment(`round ${round + 1} of seed ${seed}`)
    if (!sameTrees(t, pair.to, pair.from)) break
  }
})
