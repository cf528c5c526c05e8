import type Docker from 'dockerode'
import t from 'tap'
import type { EngineAddress } from '../../../src/engine/address.ts'
import { Containers } from '../../../src/engine/containers.ts'
import type { EngineCall } from '../../../src/engine/engine.ts'
import { engineFailure } from '../../../src/engine/failures.ts'
import type { Watch } from '../../../src/engine/patience.ts'

const call: EngineCall = async (what, request) => {
  try {
    return await request()
  } catch (error) {
    throw engineFailure({ name: 'beta' } as EngineAddress, what, error)
  }
}

/** Containers whose starts fail with these messages, one after the other, and then work. */
function failing(...messages: string[]) {
  const asked: string[] = []
  const start = async () => {
    asked.push('start')
    const message = messages.shift()
    if (message) throw Object.assign(new Error(), { statusCode: 500, json: { message } })
  }
  const docker = { getContainer: () => ({ start }) } as unknown as Docker
  return { containers: new Containers(docker, call, {} as Watch), asked }
}

const brokeOff =
  'runc create failed: waiting for init preliminary setup: read init-p: connection reset by peer'

t.test('a start that the runtime broke off is asked for once more, and only once', async (t) => {
  const once = failing(brokeOff)
  await once.containers.start('db')
  t.equal(once.asked.length, 2)
  const twice = failing(brokeOff, brokeOff)
  await t.rejects(twice.containers.start('db'), { code: 'engine-error' })
  t.equal(twice.asked.length, 2)
})

t.test('a start that fails otherwise is not asked for again', async (t) => {
  const { containers, asked } = failing('port is already allocated')
  await t.rejects(containers.start('db'), { message: /port is already allocated/ })
  t.equal(asked.length, 1)
})
