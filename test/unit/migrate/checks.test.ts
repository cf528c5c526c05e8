import t from 'tap'
import { contains, overlap } from '../../../src/drivers/network/subnets.ts'
import { portRange } from '../../../src/migrate/checks/ports.ts'
import { sharedLayers } from '../../../src/migrate/image-transfer.ts'
import { splitReference } from '../../../src/migrate/steps/images.ts'
import { anotherRound } from '../../../src/migrate/steps/rounds.ts'

t.test('subnets overlap when they share an address, in either direction', async (t) => {
  t.equal(overlap('10.31.43.0/24', '10.31.0.0/18'), true)
  t.equal(overlap('10.31.0.0/18', '10.31.43.0/24'), true)
  t.equal(overlap('10.31.43.0/24', '10.31.44.0/24'), false)
  t.equal(overlap('fd31::/64', 'fd31::/48'), true)
  t.equal(overlap('10.0.0.0/8', 'fd31::/48'), false)
  t.equal(contains('172.18.0.0/16', '172.18.3.4'), true)
  t.equal(contains('172.18.0.0/16', '172.19.0.1'), false)
})

t.test('a port range holds both its ends', async (t) => {
  t.strictSame(portRange('8000-8002'), [8000, 8001, 8002])
  t.strictSame(portRange('80'), [80])
})

t.test('only a chain from the base up counts as shared', async (t) => {
  t.strictSame(
    sharedLayers(
      ['a', 'b', 'c'],
      [
        ['a', 'b', 'x'],
        ['b', 'c'],
      ],
    ),
    ['a', 'b'],
  )
  t.strictSame(sharedLayers(['a', 'b'], []), [])
  t.strictSame(sharedLayers(['a', 'b'], [['a', 'b', 'c']]), ['a', 'b'])
})

t.test('pre-copy ends when rounds are small, quick, many, or no longer shrink', async (t) => {
  const round = (bytesSent: number, seconds = 5) => ({ bytesSent, seconds })
  t.equal(anotherRound([], 8), true)
  t.equal(anotherRound([round(1e9)], 8), true)
  t.equal(anotherRound([round(1e9), round(5e8)], 8), true)
  t.equal(anotherRound([round(1e9), round(9e8)], 8), false, 'the writer is as fast as we are')
  t.equal(anotherRound([round(1e9), round(1e6)], 8), false, 'little is left')
  t.equal(anotherRound([round(1e9, 0.1)], 8), false, 'it was quick')
  t.equal(anotherRound([round(1e9), round(5e8)], 2), false, 'enough rounds')
})

t.test('references are split as the engine splits them', async (t) => {
  t.strictSame(splitReference('redis'), { repository: 'redis', tag: 'latest' })
  t.strictSame(splitReference('redis:7'), { repository: 'redis', tag: '7' })
  t.strictSame(splitReference('registry.test:5000/a/redis'), {
    repository: 'registry.test:5000/a/redis',
    tag: 'latest',
  })
  t.strictSame(splitReference('registry.test:5000/a/redis:7'), {
    repository: 'registry.test:5000/a/redis',
    tag: '7',
  })
})
