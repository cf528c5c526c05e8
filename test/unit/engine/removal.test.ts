import type Docker from 'dockerode'
import t from 'tap'
import type { EngineAddress } from '../../../src/engine/address.ts'
import { Containers } from '../../../src/engine/containers.ts'
import type { EngineCall } from '../../../src/engine/engine.ts'
import { engineFailure } from '../../../src/engine/failures.ts'
import { Networks } from '../../../src/engine/networks.ts'
import type { Watch } from '../../../src/engine/patience.ts'

const refuse = async () => {
  throw Object.assign(new Error(), { statusCode: 500, json: { message: 'device or resource busy' } })
}
const docker = {
  getContainer: () => ({ remove: refuse }),
  getNetwork: () => ({ remove: refuse }),
} as unknown as Docker
const call: EngineCall = async (what, request) => {
  try {
    return await request()
  } catch (error) {
    throw engineFailure({ name: 'beta' } as EngineAddress, what, error)
  }
}

t.test('what could not be removed is named, with the reason that the engine gave', async (t) => {
  await t.rejects(new Containers(docker, call, {} as Watch).remove('0123', { name: 'db' }), {
    code: 'engine-error',
    message: 'beta: removing container db: device or resource busy',
  })
  await t.rejects(new Networks(docker, call).remove('4567', 'backend'), {
    message: 'beta: removing network backend: device or resource busy',
  })
})
