import { appendFileSync, closeSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { headerBytes, writeHeader } from '../catalog-format.ts'
import type { Params } from '../protocol.ts'
import { treeMagic } from './tree-reader.ts'

/** Takes a piece of a tree that is known from before; with the last one it is what the next round goes by. */
export function writeTreePiece(path: string, { isFirst, data, last }: Omit<Params<'writeTree'>, 'id'>): void {
  const temporary = `${path}.copy`
  if (isFirst) writeFileSync(temporary, Buffer.alloc(headerBytes))
  appendFileSync(temporary, Buffer.from(data, 'base64'))
  if (!last) return
  const file = openSync(temporary, 'r+')
  try {
    const header = Buffer.alloc(headerBytes)
    writeHeader(header, { kind: treeMagic, digest: Buffer.alloc(32), ...last })
    writeSync(file, header, 0, headerBytes, 0)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}
