import t from 'tap'
import type { Engine } from '../../../src/engine/engine.ts'
import { assertInReach } from '../../../src/network/addresses.ts'

/** An engine with a network in which some addresses are taken, and that lets nobody choose one unless told. */
function engine(taken: readonly string[], letsChoose = false, isThere = true): { it: Engine; left: number } {
  const state = { it: undefined as unknown as Engine, left: 0 }
  const Containers = Object.fromEntries(taken.map((one) => [one, { IPv4Address: `${one}/16` }]))
  const IPAM = { Config: [{ Subnet: '10.9.0.0/16', Gateway: '10.9.0.1' }] }
  state.it = {
    name: 'a',
    networks: { inspect: async () => (isThere ? { IPAM, Containers } : undefined) },
    containers: {
      create: async () => {
        if (!letsChoose) throw new Error('supported only for user configured subnets: user configured subnet')
        state.left++
        return 'id'
      },
      remove: async () => void state.left--,
    },
  } as unknown as Engine
  return state
}

const asked = (address: string, taken: string[] = []) => ({ network: 'net', address, taken })
const from = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => `10.9.0.${first + index}`)

t.test('an address with few free ones below it can be had', async (t) => {
  // The gateway has .1, so that .2 to .33 are 32.
  await t.resolves(assertInReach(engine([]).it, asked('10.9.0.34'), 'i', {}))
  await t.resolves(assertInReach(engine(from(2, 50)).it, asked('10.9.0.84'), 'i', {}))
  await t.resolves(assertInReach(engine([]).it, asked('10.9.0.84', from(2, 50)), 'i', {}))
})

t.test('one with more below it is refused', async (t) => {
  for (const [address, taken] of [
    ['10.9.0.35', []],
    ['10.9.224.0', from(2, 50)],
    ['10.9.0.85', from(2, 50)],
  ] as const)
    await t.rejects(assertInReach(engine(taken).it, asked(address), 'i', {}), {
      code: 'address-out-of-reach',
      exitCode: 3,
      message: new RegExp(
        `^a lets nobody choose an address on net, .* more than 32 others before ${address}`,
      ),
      suggestions: [/--subnet/],
    })
})

t.test('where it can be chosen, or the network is yet to be made, any can be had', async (t) => {
  const choosing = engine([], true)
  await assertInReach(choosing.it, asked('10.9.224.0'), 'i', {})
  t.equal(choosing.left, 0, 'what asked for it is gone')
  await assertInReach(engine([], false, false).it, asked('10.9.224.0'), 'i', {})
})
