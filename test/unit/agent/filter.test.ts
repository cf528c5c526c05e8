import t from 'tap'
import { tableText } from '../../../src/agent/network/filter.ts'
import type { StretchSettings } from '../../../src/agent/network/vxlan.ts'

const settings: StretchSettings = {
  network: 'shop',
  bridge: 'br-1',
  vni: 9000000,
  port: 14789,
  peers: [
    { address: '10.0.0.2', from: '10.0.0.2' },
    { address: '10.0.0.3', from: '192.0.2.3' },
  ],
  mtuBytes: 1500,
}
const text = tableText('wherry9000000', settings, 1500)

t.test('they replace what is there, in one transaction', async (t) => {
  for (const family of ['bridge', 'inet']) {
    const table = `table ${family} wherry9000000`
    t.match(text, `${table} {}\ndelete ${table}\n${table} {\n`)
  }
})

t.test("neither engine's gateway is heard on the other", async (t) => {
  t.match(text, 'hook input priority 0; iifname "wherry9000000" drop;')
  t.match(text, 'hook output priority 0; oifname "wherry9000000" drop;')
})

t.test('only members are let in, by the addresses that their packets have', async (t) => {
  t.match(
    text,
    'hook input priority -10; udp dport 14789 @th,96,24 9000000 ip saddr != { 10.0.0.2, 192.0.2.3 } drop;',
  )
})

const segments = (mtuBytes: number, hostMtuBytes: number, address = '10.0.0.2') => {
  const peers = [{ address, from: address }]
  const found = tableText('w', { ...settings, mtuBytes, peers }, hostMtuBytes).matchAll(
    /([io]ifname "w") tcp flags syn tcp option maxseg size set (\d+)/g,
  )
  return [...found].map(([, way, size]) => `${way} ${size}`)
}

t.test('segments fit between the hosts, both ways', async (t) => {
  t.strictSame(segments(1500, 1500), ['oifname "w" 1390', 'iifname "w" 1390'])
  t.strictSame(segments(1500, 9000), ['oifname "w" 1440', 'iifname "w" 1440'])
  t.strictSame(segments(1400, 1500), ['oifname "w" 1340', 'iifname "w" 1340'])
})

t.test('hosts that reach each other by IPv6', async (t) => {
  t.strictSame(segments(1500, 1500, 'fd00::2'), ['oifname "w" 1370', 'iifname "w" 1370'])
  const peers = [{ address: 'fd00::2', from: 'fd00::2' }]
  t.match(tableText('w', { ...settings, peers }, 1500), 'ip6 saddr != { fd00::2 } drop;')
})
