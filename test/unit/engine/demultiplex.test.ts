import { PassThrough } from 'node:stream'
import t from 'tap'
import { demultiplex } from '../../../src/engine/containers.ts'

function frame(kind: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = kind
  header.writeUInt32BE(text.length, 4)
  return Buffer.concat([header, Buffer.from(text)])
}

t.test('frames are split into stdout and stderr, however the bytes are cut', async (t) => {
  const bytes = Buffer.concat([frame(1, 'out-1'), frame(2, 'err'), frame(1, ''), frame(1, 'out-2')])
  for (const size of [1, 3, 8, 1000]) {
    const [stream, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    demultiplex(stream, stdout, stderr)
    for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size))
    stream.end()
    t.equal((await stdout.toArray()).join(''), 'out-1out-2')
    t.equal((await stderr.toArray()).join(''), 'err')
  }
})
