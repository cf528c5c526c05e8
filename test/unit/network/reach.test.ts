import { isIP } from 'node:net'
import t from 'tap'
import { dial, listen } from '../../../src/agent/direct.ts'
import { attempts, type Post } from '../../../src/network/reach.ts'

const post = (name: string) =>
  ({ engine: { name }, addresses: [`${name}.example`, '10.0.0.1'] }) as unknown as Post
const [one, other] = [post('one'), post('other')]

t.test('the address on record is tried first, and alone', async (t) => {
  const tried = attempts(one, other, (from, to) => `from ${from.name} to ${to.name}`)
  t.strictSame(
    tried.map(({ addresses }) => addresses),
    [['from other to one'], one.addresses, other.addresses],
  )
  t.strictSame(
    tried.map(({ listener }) => listener),
    [one, one, other],
  )
  t.equal(attempts(one, other, () => undefined).length, 2)
})

t.test('who dials a name gets an address', async (t) => {
  const secret = { session: 'a', key: '00'.repeat(32) }
  const listener = await listen(secret)
  const link = await dial(secret, ['localhost'], listener.port, 3000)
  t.not(isIP(link.address), 0, link.address)
  const accepted = await listener.accepted
  accepted.close()
  link.close()
})

t.test('of several addresses that answer it is the first in the list, not the quickest', async (t) => {
  const secret = { session: 'a', key: '00'.repeat(32) }
  for (const [addresses, expected] of [
    [['127.0.0.2', '127.0.0.1', 'localhost'], '127.0.0.2'],
    [['127.0.0.1', '127.0.0.2'], '127.0.0.1'],
    // Nobody is there; what answers is used.
    [['192.0.2.255', '127.0.0.1'], '127.0.0.1'],
  ] as const) {
    const listener = await listen(secret)
    const link = await dial(secret, addresses, listener.port, 3000)
    t.equal(link.address, expected)
    const accepted = await listener.accepted
    accepted.close()
    link.close()
  }
})
