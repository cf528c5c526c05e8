import { mock } from 'node:test'
import t from 'tap'
import { Channel } from '../../../src/agent/channel.ts'
import type { FrameStream } from '../../../src/agent/frames.ts'

/** A stream whose other end takes nothing. */
const stuck = { data: () => new Promise(() => undefined), hasEnded: false } as unknown as FrameStream

t.test('a send is given up after two minutes, unless its taker asks for patience', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const channel = new Channel(stuck, true)
  let outcome = 'waits'
  const sent = channel.send(Buffer.alloc(8)).catch((error) => {
    outcome = error.message
  })
  mock.timers.tick(119_000)
  channel.keepWaiting()
  mock.timers.tick(119_000)
  await Promise.resolve()
  t.equal(outcome, 'waits')
  mock.timers.tick(2000)
  await sent
  t.match(outcome, /nothing was taken for two minutes/)
})
