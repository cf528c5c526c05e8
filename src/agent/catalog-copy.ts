import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import { bootId, headerBytes, magic } from './catalog-format.ts'
import { AgentError } from './errors.ts'

/** How much of a catalog goes into one message. */
const pieceBytes = 1 << 20
/** Where the header says whether the catalog is trusted, and of which start of the engine it is (docs/design/agent.md). */
const trustedAt = 8
const bootIdAt = 64

/** A piece of a stored catalog from `offset` on, base64. */
export function readCatalogPiece(path: string, offset: number): { data: string; isLast: boolean } {
  const file = openSync(path, 'r')
  try {
    const piece = Buffer.alloc(Math.min(pieceBytes, Math.max(0, fstatSync(file).size - offset)))
    const length = readSync(file, piece, 0, piece.length, offset)
    return { data: piece.toString('base64', 0, length), isLast: length < pieceBytes }
  } finally {
    closeSync(file)
  }
}

/**
 * Takes a piece of another engine's catalog; with the last one it becomes the tree's catalog here. It says what the other
 * side has; that nothing has changed here since is not in it, so it is not trusted and every file will be read.
 */
export function writeCatalogPiece(
  path: string,
  { offset, data, isLast }: { offset: number; data: string; isLast: boolean },
): void {
  const piece = Buffer.from(data, 'base64')
  if (offset === 0) {
    if (piece.length < headerBytes || piece.toString('latin1', 0, 8) !== magic) {
      throw new AgentError('protocol', 'what came is not a catalog')
    }
    piece[trustedAt] = 0
    piece.write(bootId(), bootIdAt, 'latin1')
  }
  const temporary = `${path}.copy`
  const file = openSync(temporary, offset === 0 ? 'w' : 'r+')
  try {
    writeSync(file, piece, 0, piece.length, offset)
    if (isLast) fsyncSync(file)
  } finally {
    closeSync(file)
  }
  if (isLast) renameSync(temporary, path)
}
