import { randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { writeChecksum, writeDigest } from '../../../src/agent/block-digest.ts'
import type { CatalogWriter } from '../../../src/agent/catalog-writer.ts'
import { digestBytes } from '../../../src/agent/entry.ts'
import { OpsReader, OpsWriter, ops } from '../../../src/agent/ops.ts'
import { BlockCutter, maxBlockBytes } from '../../../src/snapshot/restore/block-cutter.ts'

/** A file of random pieces, some of them holes, and what its content is. */
function filePieces(maxPiece: number): { pieces: { content: Buffer; isHole: boolean }[]; whole: Buffer } {
  const pieces = Array.from({ length: randomInt(1, 12) }, () => {
    const isHole = randomInt(3) === 0
    const length = randomInt(2) ? randomInt(1, maxPiece) : 8192 * randomInt(1, 8)
    return { isHole, content: isHole ? Buffer.alloc(length) : randomBytes(length) }
  })
  return { pieces, whole: Buffer.concat(pieces.map(({ content }) => content)) }
}

/** What a target makes of the operations, with every label compared; undefined where one is wrong. */
function written(batch: Buffer, block: number, size: number, label: typeof writeDigest): Buffer | undefined {
  const reader = new OpsReader(batch)
  const result: Buffer[] = []
  let length = 0
  const expected = Buffer.alloc(digestBytes)
  while (!reader.isAtEnd) {
    const op = reader.u8()
    if (op === ops.hole) {
      const bytes = Math.min(reader.u32() * block, size - length)
      result.push(Buffer.alloc(bytes))
      length += bytes
      continue
    }
    const [count, bytes] = [reader.u32(), reader.u32()]
    const digests = reader.bytes(count * digestBytes)
    const data = reader.bytes(bytes)
    if (bytes !== Math.min(count * block, size - length)) return undefined
    for (let index = 0; index < count; index++) {
      label(expected, 0, data.subarray(index * block, Math.min((index + 1) * block, bytes)))
      if (!expected.equals(digests.subarray(index * digestBytes, (index + 1) * digestBytes))) return undefined
    }
    result.push(data)
    length += bytes
  }
  return Buffer.concat(result)
}

t.test('blocks of any pieces and holes are the file', async (t) => {
  const buffer = Buffer.alloc(maxBlockBytes)
  let wrong = 0
  for (let round = 0; round < 150; round++) {
    const blockShift = [13, 14, 20][randomInt(3)] ?? 13
    const label = randomInt(2) ? writeDigest : writeChecksum
    const { pieces, whole } = filePieces(blockShift === 20 ? 1_500_000 : 60_000)
    const writer = new OpsWriter((bytes) => Buffer.alloc(bytes))
    let labels = 0
    const digests = (_: Buffer, start: number, end: number) => {
      labels += (end - start) / digestBytes
    }
    const catalog = { digests } as unknown as CatalogWriter
    const cutter = new BlockCutter(
      { blockShift, size: whole.length },
      { ops: writer, catalog, label, buffer },
    )
    for (const { content, isHole } of pieces) {
      if (isHole) cutter.hole(content.length)
      else cutter.data(content)
    }
    cutter.end()
    const batch = writer.take({ round: 0, tree: 0 })
    const isSame = written(batch, 2 ** blockShift, whole.length, label)?.equals(whole)
    if (!isSame || labels !== Math.ceil(whole.length / 2 ** blockShift)) wrong++
  }
  t.equal(wrong, 0)
})

t.test('no checksum stands for a hole', async (t) => {
  const label = Buffer.alloc(digestBytes)
  writeChecksum(label, 0, Buffer.alloc(8192))
  t.notOk(label.equals(Buffer.alloc(digestBytes)))
})
