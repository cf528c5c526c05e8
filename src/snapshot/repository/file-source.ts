import { open } from 'node:fs/promises'
import type { BlobSource } from './repository.ts'

/** A file of this machine, read as a blob. */
export async function fileSource(path: string): Promise<BlobSource & AsyncDisposable> {
  const file = await open(path, 'r')
  const read = async (_: string, offset = 0, length?: number) => {
    const content = Buffer.allocUnsafeSlow(length ?? (await file.stat()).size - offset)
    for (let done = 0; done < content.length; ) {
      const { bytesRead } = await file.read(content, done, content.length - done, offset + done)
      if (bytesRead === 0) throw new RangeError(`${path} is shorter than it was`)
      done += bytesRead
    }
    return content
  }
  return { name: path, read, [Symbol.asyncDispose]: () => file.close() }
}
