import t from 'tap'
import {
  announcementsOf,
  gratuitousArp,
  ipv6Bytes,
  neighbourAdvertisement,
} from '../../../src/agent/network/announcement.ts'

const hardware = Buffer.from('024200000a09', 'hex')
const bytes = (...parts: string[]) => parts.join('').replaceAll(' ', '')

t.test('an ARP announcement is a request of the address for itself', async (t) => {
  t.equal(
    gratuitousArp('request', hardware, Buffer.from([10, 9, 0, 7])).toString('hex'),
    bytes(
      'ffffffffffff 024200000a09 0806',
      '0001 0800 06 04 0001',
      '024200000a09 0a090007',
      '000000000000 0a090007',
    ),
  )
})

t.test('a gratuitous reply names the new hardware address twice', async (t) => {
  t.equal(
    gratuitousArp('reply', hardware, Buffer.from([10, 9, 0, 7])).toString('hex'),
    bytes(
      'ffffffffffff 024200000a09 0806',
      '0001 0800 06 04 0002',
      '024200000a09 0a090007',
      '024200000a09 0a090007',
    ),
  )
})

t.test('an unsolicited neighbour advertisement overrides, and has its checksum', async (t) => {
  const address = ipv6Bytes('fd00:9::7')
  const frame = neighbourAdvertisement(hardware, address)
  const expected = bytes(
    '333300000001 024200000a09 86dd',
    '60000000 0020 3a ff',
    'fd000009000000000000000000000007 ff020000000000000000000000000001',
    '88 00 5033 20000000',
    'fd000009000000000000000000000007',
    '02 01 024200000a09',
  )
  t.equal(frame.toString('hex'), expected)
  // A receiver adds up everything, the checksum included, and must come to ffff (RFC 1071).
  const pseudo = [frame.subarray(22, 54), Buffer.from('000000200000003a', 'hex'), frame.subarray(54)]
  const words = Buffer.concat(pseudo)
  let sum = 0
  for (let at = 0; at < words.length; at += 2) sum += words.readUInt16BE(at)
  t.equal((sum & 0xffff) + (sum >>> 16), 0xffff)
})

t.test('IPv6 addresses in every short form', async (t) => {
  t.equal(ipv6Bytes('::1').toString('hex'), '00000000000000000000000000000001')
  t.equal(ipv6Bytes('fd00::').toString('hex'), 'fd000000000000000000000000000000')
  t.equal(ipv6Bytes('2001:db8:0:1:2:3:4:5').toString('hex'), '20010db8000000010002000300040005')
})

t.test('each family is announced in its own way', async (t) => {
  t.strictSame(
    announcementsOf('02:42:00:00:0a:09', '10.9.0.7').map((frame) => frame.readUInt16BE(20)),
    [1, 2],
  )
  t.strictSame(
    announcementsOf('02:42:00:00:0a:09', 'fd00:9::7').map((frame) => frame.length),
    [86],
  )
})
