import { createHash, createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import t from 'tap'
import { keyVariable } from '../../../src/agent/network/settings.ts'
import type { Extent } from '../../../src/network/extent.ts'
import { placeKeeper, type Undo } from '../../../src/network/keepers.ts'
import { membershipsOn, type StretchRecord, tunnelKeyOf } from '../../../src/network/membership.ts'
import type { Survey } from '../../../src/network/reach.ts'
import { planTunnels, tunnelPeer, tunnelSettings } from '../../../src/network/tunnels.ts'
import { FakeEngine, recordOf } from './fake-engine.ts'

const able: Survey = { reaches: [], withoutTunnel: [] }
const unable: Survey = { reaches: [], withoutTunnel: [{ engine: 'b', reason: 'Unknown device type.' }] }

/** A network as it is to be on some engines, with what they have of it. */
async function extentOf(...engines: FakeEngine[]): Promise<Extent> {
  const members = await Promise.all(
    engines.map(async ({ engine }) => {
      const [membership] = await membershipsOn(engine, 'net')
      return { engine, document: undefined, membership, ranges: [] }
    }),
  )
  return { network: 'net', members, port: 14789, vni: 9000000, mtuBytes: 1500, absent: [] } as never
}

/** Two engines with keepers of an encrypted network. */
async function encryptedPair(): Promise<{ a: FakeEngine; b: FakeEngine; records: StretchRecord[] }> {
  const [a, b] = [new FakeEngine('a'), new FakeEngine('b')]
  const { ends } = (await planTunnels(await extentOf(a, b), { encryption: 'always' }, able)) ?? {}
  const records: StretchRecord[] = []
  for (const [own, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const plain = recordOf(own.name, other.name)
    const peers = plain.settings.peers.map((peer) => ({ ...peer, ...tunnelPeer(ends?.get(peer.id ?? '')) }))
    const end = ends?.get(`id-${own.name}`)
    const record = { ...plain, settings: { ...plain.settings, peers, ...tunnelSettings(end) } }
    records.push(record)
    const request = { engine: own.engine, image: 'i', record, labels: {}, tunnelKey: end?.privateKey }
    await placeKeeper(request, undefined, [])
  }
  return { a, b, records }
}

t.test('both ends of a tunnel agree on a secret by the keys that they are told', async (t) => {
  const extent = await extentOf(new FakeEngine('a'), new FakeEngine('b'))
  const tunnels = await planTunnels(extent, { encryption: 'always' }, able)
  t.match(tunnels, { port: 14790, vxlanPort: 14789 })
  const odd = await planTunnels(extent, { encryption: 'always', port: 14789 }, able)
  t.match(odd, { port: 14789, vxlanPort: 14788 }, 'VXLAN and WireGuard share no port')
  const [one, other] = [...(tunnels?.ends.values() ?? [])]
  if (!one || !other) throw new Error('two ends are missing')
  t.not(one.address, other.address)
  t.equal(one.port, 14790)
  t.equal(other.port, 14790)
  const privateOf = (key: string) =>
    createPrivateKey({
      key: { kty: 'OKP', crv: 'X25519', d: url(key), x: '' },
      format: 'jwk',
    })
  const publicOf = (key: string) =>
    createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: url(key) }, format: 'jwk' })
  const secret = (own: typeof one, peer: typeof one) =>
    diffieHellman({ privateKey: privateOf(own.privateKey), publicKey: publicOf(peer.publicKey) })
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  t.equal(digest(secret(one, other)), digest(secret(other, one)))
})

function url(base64: string): string {
  return Buffer.from(base64, 'base64').toString('base64url')
}

t.test('where a host cannot encrypt', async (t) => {
  const plan = async (encryption: 'always' | 'never' | 'where-possible') =>
    planTunnels(await extentOf(new FakeEngine('a'), new FakeEngine('b')), { encryption }, unable)
  t.equal(await plan('where-possible'), undefined)
  t.equal(await plan('never'), undefined)
  await t.rejects(plan('always'), { code: 'cannot-encrypt', message: /b \("Unknown device type\."\)/ })
})

t.test('what is stretched stays as it is, with its keys, addresses and port', async (t) => {
  const { a, b, records } = await encryptedPair()
  const again = await planTunnels(await extentOf(a, b), { encryption: 'where-possible', port: 5 }, able)
  for (const [index, engine] of [a, b].entries()) {
    const [membership] = await membershipsOn(engine.engine)
    const end = again?.ends.get(`id-${engine.name}`)
    t.strictSame(tunnelSettings(end).tunnel, records[index]?.settings.tunnel)
    t.equal(end?.privateKey, membership && (await tunnelKeyOf(membership)))
    t.equal(records[1 - index]?.settings.peers[0]?.tunnel?.publicKey, end?.publicKey)
  }
  const extent = await extentOf(a, b)
  await t.rejects(planTunnels(extent, { encryption: 'never' }, able), { code: 'stretched-already' })
  await t.rejects(planTunnels(extent, { encryption: 'where-possible' }, unable), { code: 'cannot-encrypt' })

  const [c, d] = [new FakeEngine('c'), new FakeEngine('d')]
  c.addKeeper(recordOf('c', 'd'))
  d.addKeeper(recordOf('d', 'c'))
  t.equal(await planTunnels(await extentOf(c, d), { encryption: 'where-possible' }, able), undefined)
  await t.rejects(planTunnels(await extentOf(c, d), { encryption: 'always' }, able), {
    code: 'stretched-already',
  })
})

t.test('a further member gets an address that nobody has, and a lost keeper its own again', async (t) => {
  const { a, b, records } = await encryptedPair()
  const wider = await planTunnels(
    await extentOf(a, b, new FakeEngine('c')),
    { encryption: 'where-possible' },
    able,
  )
  t.equal(new Set([...(wider?.ends.values() ?? [])].map(({ address }) => address)).size, 3)
  b.made.splice(0)
  const mended = await planTunnels(await extentOf(a, b), { encryption: 'where-possible' }, able)
  t.equal(mended?.ends.get('id-b')?.address, records[1]?.settings.tunnel?.address)
  t.not(
    mended?.ends.get('id-b')?.publicKey,
    records[0]?.settings.peers[0]?.tunnel?.publicKey,
    'its key is gone',
  )
})

t.test('another encrypted network of an engine has a port of its own', async (t) => {
  const { a } = await encryptedPair()
  const extent = { ...(await extentOf(a, new FakeEngine('c'))), network: 'other' }
  const members = extent.members.map((member) => ({ ...member, membership: undefined }))
  const planned = { ...extent, members }
  t.equal((await planTunnels(planned, { encryption: 'always' }, able))?.port, 14791)
  await t.rejects(planTunnels(planned, { encryption: 'always', port: 14790 }, able), {
    code: 'tunnel-port-taken',
    message: /UDP port 14790 of other is that of net/,
  })
})

t.test('a keeper that is replaced or put back keeps its key, which is in no label', async (t) => {
  const { a } = await encryptedPair()
  const [before] = await membershipsOn(a.engine)
  const key = before && (await tunnelKeyOf(before))
  if (!before || !key) throw new Error('there is no key')
  const undo: Undo[] = []
  const record = { ...before.record, members: [...before.record.members, { engine: 'c', id: 'id-c' }] }
  await placeKeeper({ engine: a.engine, image: 'new', record, labels: {} }, before, undo)
  const [now] = await membershipsOn(a.engine)
  t.equal(now && (await tunnelKeyOf(now)), key)
  await undo[0]?.()
  const [back] = await membershipsOn(a.engine)
  t.equal(back && (await tunnelKeyOf(back)), key)
  const [{ body } = { body: {} }] = a.made
  t.strictSame(body.Env, [`${keyVariable}=${key}`])
  t.notMatch(JSON.stringify([body.Labels, body.Cmd]), key)
})
