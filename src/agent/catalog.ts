import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bootId, headerBytes, magic } from './catalog-format.ts'
import { CatalogReader } from './catalog-reader.ts'
import { Stat } from './stat.ts'

/** What stands at the front of a catalog. */
export interface CatalogSummary {
  /** SHA-256 of all portable parts, hexadecimal: equal on both engines when the trees are equal. */
  digest: string
  entries: number
  /** False when a later change might leave no trace in a file's times, so that every file has to be read again. */
  isTrusted: boolean
}

/** Where a tree's catalog is kept. */
export function catalogPath(directory: string, tree: string): string {
  return join(directory, `${encodeURIComponent(tree)}.catalog`)
}

/** What a stored catalog says about itself; undefined when there is none that can be used since the engine's last start. */
export function readSummary(path: string, kind = magic): CatalogSummary | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    const header = Buffer.alloc(headerBytes)
    if (readSync(file, header, 0, headerBytes, 0) < headerBytes) return undefined
    if (header.toString('latin1', 0, 8) !== kind || header.toString('latin1', 64, 100) !== bootId()) {
      return undefined
    }
    return {
      digest: header.toString('hex', 24, 56),
      entries: header.readUIntLE(16, 6),
      isTrusted: header[8] === 1,
    }
  } finally {
    closeSync(file)
  }
}

/** Forgets a tree, so that its next round begins afresh. */
export function removeCatalog(path: string): void {
  rmSync(path, { force: true })
}

/**
 * Whether the root of a tree is still as a catalog says, by its time of modification: it tells whether the tree was
 * emptied, filled or made anew, without a walk.
 */
export function fitsTree(catalog: string, root: string): boolean {
  const reader = new CatalogReader(catalog)
  let descriptor = -1
  try {
    descriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY)
    const modified = reader.peek()?.modified
    return modified !== undefined && new Stat().readDescriptor(descriptor).hasModified(modified)
  } catch {
    return false
  } finally {
    reader.close()
    if (descriptor >= 0) closeSync(descriptor)
  }
}
