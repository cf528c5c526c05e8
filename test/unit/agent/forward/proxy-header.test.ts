import t from 'tap'
import { proxyHeader } from '../../../../src/agent/forward/proxy-header.ts'

const ipv4 = { remoteAddress: '192.168.0.1', remotePort: 56324, localAddress: '192.168.0.11', localPort: 443 }
const ipv6 = { remoteAddress: '2001:db8::a:1', remotePort: 65535, localAddress: '::1', localPort: 80 }

t.test('version 1 is the line that the specification shows', async (t) => {
  t.equal(String(proxyHeader('v1', ipv4)), 'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n')
  t.equal(String(proxyHeader('v1', ipv6)), 'PROXY TCP6 2001:db8::a:1 ::1 65535 80\r\n')
})

t.test('version 2, byte by byte', async (t) => {
  const signature = '0d0a0d0a000d0a515549540a'
  t.equal(
    proxyHeader('v2', ipv4).toString('hex'),
    `${signature}2111000cc0a80001c0a8000bdc0401bb`,
    'IPv4: 12 bytes of addresses',
  )
  t.equal(
    proxyHeader('v2', ipv6).toString('hex'),
    `${signature}2121002420010db8000000000000000000${'0a0001'}${'0'.repeat(31)}1ffff0050`,
    'IPv6: 36 bytes of addresses',
  )
  const full = { ...ipv6, remoteAddress: 'fd00:1:2:3:4:5:6:7', localAddress: 'fe80::1%eth0' }
  t.equal(
    proxyHeader('v2', full).toString('hex').slice(32),
    `fd000001000200030004000500060007fe80${'0'.repeat(27)}1ffff0050`,
  )
})

t.test('an IPv4 client of a socket for both families is an IPv4 client', async (t) => {
  const mapped = { ...ipv4, remoteAddress: '::ffff:192.168.0.1', localAddress: '::ffff:192.168.0.11' }
  t.strictSame(proxyHeader('v2', mapped), proxyHeader('v2', ipv4))
  t.strictSame(proxyHeader('v1', mapped), proxyHeader('v1', ipv4))
})
