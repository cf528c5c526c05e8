import t from 'tap'
import { faults } from '../../faults/faults/index.ts'
import { everyCase, insideMs, nameOf, stepNames, ways } from '../../faults/matrix.ts'
import { fullMatrix, randomCases } from '../../faults/selection.ts'
import { spread } from '../../faults/spread.ts'

t.test('the matrix is large, has no case twice, and only those that there are', async (t) => {
  const names = fullMatrix().map(nameOf)
  t.ok(names.length >= 150, `${names.length} cases`)
  t.equal(new Set(names).size, names.length)
  const known = new Set(everyCase().map(nameOf))
  t.strictSame(
    names.filter((name) => !known.has(name)),
    [],
  )
  t.strictSame(
    spread()
      .map(nameOf)
      .filter((name) => !known.has(name)),
    [],
  )
})

t.test('every step and every fault is in the matrix, and every fault in the spread', async (t) => {
  for (const way of ways) {
    for (const step of stepNames(way)) {
      t.ok(
        fullMatrix().some(({ moment }) => moment.step === step),
        step,
      )
    }
  }
  for (const fault of Object.keys(faults)) {
    t.ok(
      fullMatrix().some((one) => one.fault === fault),
      fault,
    )
    t.ok(
      spread().some((one) => one.fault === fault),
      fault,
    )
  }
  t.strictSame(
    Object.keys(insideMs).filter((step) => !ways.some((way) => stepNames(way).includes(step))),
    [],
  )
})

t.test('random cases are the same for the same seed, and others for another', async (t) => {
  const names = (seed: number) => randomCases(30, seed).map(nameOf)
  t.strictSame(names(7), names(7))
  t.notSame(names(7), names(8))
  t.ok(new Set(names(7)).size > 20)
})
