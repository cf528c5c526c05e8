import t from 'tap'
import {
  addressesBelow,
  contains,
  firstAddress,
  overlap,
  rangeFor,
  spareParts,
} from '../../../src/drivers/network/subnets.ts'

t.test('parts of a subnet: eighths from the top, in the upper half only', (t) => {
  t.strictSame(
    [0, 1, 2, 3, 4].map((index) => rangeFor('172.18.0.0/16', index)),
    ['172.18.224.0/19', '172.18.192.0/19', '172.18.160.0/19', '172.18.128.0/19', undefined],
  )
  t.equal(rangeFor('10.0.0.0/8', 0), '10.224.0.0/11')
  t.equal(rangeFor('10.9.8.192/26', 3), '10.9.8.224/29')
  t.equal(rangeFor('192.168.255.0/24', 0), '192.168.255.224/27')
  t.end()
})

t.test('no part is too small for an engine to use', (t) => {
  t.equal(rangeFor('10.9.8.0/26', 0), '10.9.8.56/29')
  t.equal(rangeFor('10.9.8.0/27', 0), undefined)
  t.equal(rangeFor('10.9.8.0/30', 0), undefined)
  t.end()
})

t.test('of IPv6 the first half million addresses are shared out', (t) => {
  t.equal(rangeFor('fd00:1::/64', 0), 'fd00:1:0:0:0:0:7:0/112')
  t.equal(rangeFor('fd00:1::/64', 3), 'fd00:1:0:0:0:0:4:0/112')
  t.equal(rangeFor('fd00:1::/48', 1), 'fd00:1:0:0:0:0:6:0/112')
  t.equal(rangeFor('2001:db8::8:0/112', 0), '2001:db8:0:0:0:0:8:e000/115')
  t.equal(rangeFor('fd00::/126', 0), undefined)
  t.end()
})

t.test('parts overlap neither each other nor the lower half', (t) => {
  for (const [subnet, lower] of [
    ['172.18.0.0/16', '172.18.0.0/17'],
    ['10.77.9.64/26', '10.77.9.64/27'],
    ['fd00:1::/64', 'fd00:1::/110'],
  ] as const) {
    const ranges = Array.from({ length: spareParts }, (_, index) => rangeFor(subnet, index) ?? '')
    for (const [index, range] of ranges.entries()) {
      t.ok(contains(subnet, range.split('/')[0] ?? ''), `${range} is in ${subnet}`)
      t.notOk(overlap(range, lower), `${range} is not in ${lower}`)
      for (const other of ranges.slice(index + 1)) t.notOk(overlap(range, other), `${range} and ${other}`)
    }
  }
  t.end()
})

t.test('the address that an engine takes itself', (t) => {
  t.equal(firstAddress('172.18.0.0/16'), '172.18.0.1')
  t.equal(firstAddress('10.9.8.248/29'), '10.9.8.249')
  t.equal(firstAddress('fd00:1::/64'), 'fd00:1:0:0:0:0:0:1')
  t.end()
})

t.test('the addresses below another one', (t) => {
  t.strictSame(addressesBelow('10.9.0.0/24', '10.9.0.4', 9), ['10.9.0.1', '10.9.0.2', '10.9.0.3'])
  t.strictSame(addressesBelow('10.9.0.0/24', '10.9.0.1', 9), [])
  t.strictSame(addressesBelow('10.9.0.0/16', '10.9.1.1', 2), ['10.9.0.255', '10.9.1.0'])
  t.strictSame(addressesBelow('10.9.0.0/24', undefined, 2), ['10.9.0.1', '10.9.0.2'])
  t.strictSame(addressesBelow('fd00::/64', 'fd00::3', 9), ['fd00:0:0:0:0:0:0:1', 'fd00:0:0:0:0:0:0:2'])
  t.end()
})
