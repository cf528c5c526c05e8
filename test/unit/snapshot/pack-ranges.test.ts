import { randomBytes, randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { PackRanges } from '../../../src/snapshot/pack-ranges.ts'

const mebibyte = 1 << 20

/** Packs in memory; every read takes a while, as on a disk, and is counted. A registry gives memory of its own. */
function packsOf(sizes: number[], isRegistry = false) {
  const contents = new Map(sizes.map((size, index) => [`pack-${index}`, randomBytes(size)]))
  const reads: number[] = []
  const read = async (digest: string, offset = 0, length = 0, memory?: Buffer) => {
    reads.push(length)
    await delay(randomInt(3))
    const content = contents.get(digest)?.subarray(offset, offset + length) ?? Buffer.alloc(0)
    if (!memory || isRegistry) return Buffer.from(content)
    content.copy(memory)
    return memory.subarray(0, length)
  }
  return { ranges: new PackRanges({ read }), contents, reads }
}

for (const isRegistry of [false, true]) {
  const where = isRegistry ? 'registry' : 'directory'
  t.test(`what was read from a ${where} stays as it is until it is given back`, async (t) => {
    const sizes = [6, 9, 3, 5, 7].map((size) => size * mebibyte)
    const { ranges, contents } = packsOf(sizes, isRegistry)
    t.equal(await wrongRanges(ranges, contents), 0)
  })
}

/** Reads and gives back at random; how many ranges were not what they had been. */
async function wrongRanges(ranges: PackRanges, contents: Map<string, Buffer>): Promise<number> {
  const held: { range: Buffer; expected: Buffer }[] = []
  const ends = new Map<string, number>()
  let wrong = 0
  const giveBack = () => {
    const [one] = held.splice(randomInt(held.length), 1)
    if (!one) return
    if (!one.range.equals(one.expected)) wrong++
    // Some are kept for good.
    if (randomInt(10) > 0) ranges.release(one.range)
  }
  for (let round = 0; round < 1000; round++) {
    const [digest, content] = [...contents][randomInt(contents.size)] ?? ['', Buffer.alloc(0)]
    const length = Math.min(randomInt(2) ? randomInt(1, 3000) : randomInt(1, mebibyte), content.length)
    const next = ends.get(digest) ?? 0
    const offset =
      randomInt(4) > 0 && next + length <= content.length ? next : randomInt(content.length - length + 1)
    ends.set(digest, offset + length)
    const pending = ranges.read({ digest, size: content.length }, offset, length)
    const expected = content.subarray(offset, offset + length)
    if (randomInt(3) === 0) held.push({ range: await pending, expected })
    else void pending.then((range) => held.push({ range, expected }))
    while (held.length > 12) giveBack()
  }
  await delay(50)
  while (held.length > 0) giveBack()
  return wrong
}

t.test('memory is used again', async (t) => {
  const { ranges, contents } = packsOf([64 * mebibyte])
  const size = contents.get('pack-0')?.length ?? 0
  const memories = new Set<ArrayBufferLike>()
  for (let offset = 0; offset < size; offset += mebibyte) {
    const range = await ranges.read({ digest: 'pack-0', size }, offset, mebibyte)
    memories.add(range.buffer)
    ranges.release(range)
  }
  t.ok(memories.size <= 3, `${memories.size} pieces of memory for 64 MiB`)
})

t.test('packs that are read in turns are each read in windows', async (t) => {
  const { ranges, contents, reads } = packsOf([4 * mebibyte, 4 * mebibyte])
  for (let offset = 0; offset < 4 * mebibyte; offset += 4096) {
    for (const [digest, { length: size }] of contents)
      ranges.release(await ranges.read({ digest, size }, offset, 4096))
  }
  t.ok(reads.length < 8, `${reads.length} reads`)
})
