import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { batchHeaderBytes, verifyBatch } from '../../../src/agent/batch.ts'
import { giveBuffer } from '../../../src/agent/buffer-pool.ts'
import type { Channel } from '../../../src/agent/channel.ts'
import { ChunkSink } from '../../../src/agent/snapshot/chunk-sink.ts'
import { readRecords } from '../../../src/agent/snapshot/records.ts'

const mebibyte = 1 << 20

/** A channel that keeps what is sent: digests with the stored bytes of each. `send` may be replaced. */
function channelOf(send: () => Promise<void> = () => delay(1)) {
  const taken: { digest: number; stored: Buffer }[] = []
  const channel = {
    async send(batch: Buffer) {
      await send()
      verifyBatch(batch)
      for (const { digest, stored } of readRecords(batch, batchHeaderBytes))
        taken.push({ digest: digest.readUInt32LE(), stored: Buffer.from(stored) })
      giveBuffer(batch)
    },
  } as Channel
  return { sink: new ChunkSink(channel, 1), taken }
}

function digestOf(number: number): Buffer {
  const digest = Buffer.alloc(32)
  digest.writeUInt32LE(number)
  return digest
}

t.test('chunks arrive in their order, whatever becomes of them on the way', async (t) => {
  const { sink, taken } = channelOf()
  const sizes = [100, 70_000, 300_000, 2 * mebibyte + 1, 5000, 3 * mebibyte, 1, 40_000]
  const memory = Buffer.alloc(4 * mebibyte)
  const raw = new Map<number, Buffer>()
  for (let number = 0; number < 200; number++) {
    const size = sizes[number % sizes.length] ?? 0
    // Every third gives way, in a thread of its own where it is large.
    const content = number % 3 === 0 ? Buffer.alloc(size, `text ${number} `) : randomBytes(size)
    if (number % 3 > 0 && size >= 5000) raw.set(number, content)
    content.copy(memory)
    sink.add(digestOf(number), memory.subarray(0, size))
    // Whoever reads uses the memory again at once.
    memory.fill(0, 0, size)
    if (sink.isFull) await sink.room()
  }
  await sink.flush()
  t.strictSame(
    taken.map(({ digest }) => digest),
    Array.from({ length: 200 }, (_, number) => number),
  )
  t.ok(taken.every(({ digest, stored }) => raw.get(digest)?.equals(stored) ?? true))
  t.equal(sink.sent.chunks, 200)
})

t.test(
  'content that nearly vanishes when it is compressed does not stop the flow',
  { timeout: 20_000 },
  async (t) => {
    const { sink, taken } = channelOf()
    const content = Buffer.alloc(mebibyte)
    for (let number = 0; number < 300; number++) {
      content.writeUInt32LE(number, 500_000)
      sink.add(digestOf(number), content)
      if (sink.isFull) await sink.room()
    }
    await sink.flush()
    t.equal(taken.length, 300)
  },
)

t.test('a link that breaks is met by whoever waits, adds or flushes', async (t) => {
  let sends = 0
  const { sink } = channelOf(async () => {
    sends++
    throw new Error('the link is gone')
  })
  for (let number = 0; number < 40; number++) sink.add(digestOf(number), randomBytes(mebibyte))
  t.ok(sink.isFull)
  await t.rejects(sink.room(), { message: 'the link is gone' })
  t.throws(() => sink.add(digestOf(100), randomBytes(10)), { message: 'the link is gone' })
  await t.rejects(sink.flush(), { message: 'the link is gone' })
  t.equal(sends, 1, 'nothing more is sent')
})
