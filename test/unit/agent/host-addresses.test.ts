import { isIP } from 'node:net'
import t from 'tap'
import { hostAddresses, wayOf } from '../../../src/agent/host-addresses.ts'

/** Interfaces as the kernel shows them in /sys/class/net. */
const ethernet = (deviceType = '') => ({
  type: '1\n',
  uevent: deviceType && `DEVTYPE=${deviceType}\nIFINDEX=2\n`,
})
const root = t.testdir({
  eth0: { ...ethernet(), device: {} },
  eth1: ethernet(),
  bond0: ethernet('bond'),
  'eth0.50': ethernet('vlan'),
  wg0: { type: '65534\n', uevent: 'DEVTYPE=wireguard\n' },
  tun0: { type: '65534\n', uevent: 'INTERFACE=tun0\n', tun_flags: '0x1001\n' },
  tap0: { ...ethernet(), tun_flags: '0x1002\n' },
  wwan0: { type: '65534\n', uevent: 'DEVTYPE=wwan\n' },
  'flannel.1': ethernet('vxlan'),
  gre1: { type: '778\n', uevent: '' },
  docker0: { ...ethernet('bridge'), brif: { veth1: {}, 'flannel.1': {} } },
  empty: { ...ethernet('bridge'), brif: {} },
  br0: { ...ethernet('bridge'), brif: { tap0: {}, eth0: {} } },
  br1: { ...ethernet('bridge'), brif: { bond0: {} } },
  veth1: ethernet(),
})

t.test('what leads to an address is told by its interface', async (t) => {
  const expected = {
    wire: ['eth0', 'eth1', 'bond0', 'eth0.50', 'wwan0', 'br0', 'br1', 'veth1', 'gone'],
    vpn: ['wg0', 'tun0', 'tap0'],
    inner: ['flannel.1', 'gre1', 'docker0', 'empty'],
  }
  for (const [way, names] of Object.entries(expected))
    for (const name of names) t.equal(wayOf(name, root), way, name)
})

t.test('this host tells each of its addresses once', async (t) => {
  const { all, vpn } = hostAddresses()
  t.equal(new Set(all).size, all.length)
  t.ok(all.every((address) => isIP(address) > 0))
  t.ok(vpn.every((address) => all.includes(address)))
})
