import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { bestOf } from '../../../src/agent/best-of.ts'

const after = (milliseconds: number, name?: string) =>
  sleep(milliseconds, name === undefined ? undefined : { name })
const never = new Promise<undefined>(() => {})

t.test('the better one is chosen though another was quicker', async (t) => {
  t.strictSame(await bestOf([after(80, 'better'), after(5, 'quicker')]), { name: 'better' })
  t.strictSame(await bestOf([after(5), after(40, 'better'), after(5, 'quicker')]), { name: 'better' })
})

t.test('nobody waits for those that come after the best', async (t) => {
  t.strictSame(await bestOf([after(5, 'best'), never]), { name: 'best' })
  t.strictSame(await bestOf([after(5), after(10, 'best'), never]), { name: 'best' })
})

t.test('one that says nothing is not waited for without end', async (t) => {
  t.strictSame(await bestOf([never, after(5, 'that is there')], 50), { name: 'that is there' })
})

t.test('what took long gives as long again', async (t) => {
  t.strictSame(await bestOf([after(300, 'better'), after(200, 'quicker')], 10), { name: 'better' })
})

t.test('none at all', async (t) => {
  t.equal(await bestOf([]), undefined)
  t.equal(await bestOf([after(1), after(5)]), undefined)
})
