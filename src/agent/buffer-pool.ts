const pooledBytes = 2 << 20
const free: Buffer[] = []

/** A buffer of at least so many bytes; ones of the usual size are used again, which saves faulting their pages in. */
export function takeBuffer(bytes: number): Buffer {
  if (bytes > pooledBytes) return Buffer.allocUnsafeSlow(bytes)
  return free.pop() ?? Buffer.allocUnsafeSlow(pooledBytes)
}

/** Gives a buffer from `takeBuffer`, or a part of one, back. Nobody may look at it any more. */
export function giveBuffer(buffer: Buffer): void {
  if (buffer.buffer.byteLength === pooledBytes && free.length < 24)
    free.push(Buffer.from(buffer.buffer as ArrayBuffer))
}
