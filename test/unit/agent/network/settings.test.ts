import t from 'tap'
import { settingsFrom } from '../../../../src/agent/network/settings.ts'

const good = {
  network: 'shop.a_b-1',
  bridge: 'br-0123456789ab',
  vni: 9000000,
  port: 14789,
  peers: [
    { address: '10.0.0.2', from: '192.0.2.2', id: 'b' },
    { address: 'fd00::3', from: 'fd00::3' },
  ],
  mtuBytes: 1500,
}

t.test('what is right comes through as it is, and nothing else with it', async (t) => {
  t.strictSame(settingsFrom({ ...good, more: 1 }), good)
  for (const parts of [{ vni: 1 }, { vni: 16777215 }, { port: 65535 }, { mtuBytes: 68 }, { mtuBytes: 65535 }])
    t.strictSame(settingsFrom({ ...good, ...parts }), { ...good, ...parts })
})

const publicKey = `${'A'.repeat(43)}=`
const tunnelled = {
  ...good,
  tunnel: { address: '198.18.0.1', port: 14790 },
  peers: good.peers.map((peer, index) => ({
    ...peer,
    tunnel: { address: `198.18.0.${index + 2}`, publicKey },
  })),
}

t.test('with a tunnel each peer has its end of it', async (t) => {
  t.strictSame(settingsFrom(tunnelled), tunnelled)
  const [peer] = tunnelled.peers
  const wrong: Record<string, unknown>[] = [
    { tunnel: undefined },
    { peers: good.peers },
    { peers: [peer, good.peers[1]] },
    ...[{}, 5, null, { address: 'fd00::1', port: 1 }, { address: '198.18.0.1', port: 0 }].map((tunnel) => ({
      tunnel,
    })),
    ...[{}, 5, null, { address: '198.18.0.2', publicKey: 'x' }, { address: 'a\nb', publicKey }].map(
      (tunnel) => ({
        peers: [{ ...peer, tunnel }],
      }),
    ),
  ]
  for (const parts of wrong)
    t.equal(settingsFrom({ ...tunnelled, ...parts }), undefined, JSON.stringify(parts))
})

t.test('whatever is not what it must be', async (t) => {
  const peer = good.peers[0]
  const wrong: Record<string, unknown>[] = [
    ...[0, 16777216, 1.5, '9', null, '1 drop; }'].map((vni) => ({ vni })),
    ...[0, 65536, '14789'].map((port) => ({ port })),
    ...[67, 65536, undefined].map((mtuBytes) => ({ mtuBytes })),
    ...['', '-rf', 'a b', 'a/b', 5].map((network) => ({ network })),
    ...['', '-all', 'a b', 'a/b', 'br-0123456789abc', 5].map((bridge) => ({ bridge })),
    ...[[], {}, 'x', [null], [{ address: '10.0.0.2' }]].map((peers) => ({ peers })),
    ...['host', '10.0.0.2 }', 'fe80::1%eth0', 4].map((from) => ({ peers: [peer, { ...peer, from }] })),
    ...['host', '', 'fe80::1%eth0'].map((address) => ({ peers: [{ ...peer, address }] })),
    { peers: [{ ...peer, id: 5 }] },
  ]
  for (const parts of wrong) t.equal(settingsFrom({ ...good, ...parts }), undefined, JSON.stringify(parts))
  for (const value of [undefined, null, 'x', 5, []]) t.equal(settingsFrom(value), undefined)
})
