import t from 'tap'
import { parseMapping, parseRate } from '../../../src/cli/values.ts'

t.test('rates are bytes a second, in powers of ten', async (t) => {
  t.equal(parseRate(undefined), undefined)
  t.equal(parseRate('500'), 500)
  t.equal(parseRate('1.5k'), 1500)
  t.equal(parseRate('50M'), 50_000_000)
  t.equal(parseRate('50MB/s'), 50_000_000)
  for (const odd of ['', 'fast', '-1', '0', '5T', '1e9']) t.throws(() => parseRate(odd), { code: 'usage' })
})

t.test('mappings are OLD=NEW', async (t) => {
  t.strictSame({ ...parseMapping(['a=b', 'c=d'], 'map-network') }, { a: 'b', c: 'd' })
  t.equal(parseMapping([], 'map-network').constructor, undefined, 'no network is mapped by accident')
  for (const odd of ['a', '=b', 'a=', 'a=b=c'])
    t.throws(() => parseMapping([odd], 'map-network'), { code: 'usage' })
})
