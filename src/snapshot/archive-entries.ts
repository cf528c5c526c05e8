import { createHash, randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Extract, Header } from 'tar-stream'
import { NotVerifiedError, RefusedError } from '../model/errors.ts'
import { type Descriptor, mediaTypes } from './repository/oci.ts'
import { refuseWithoutSpace } from './repository/receive.ts'
import type { Repository } from './repository/repository.ts'

const maxDocumentBytes = 16 << 20

/** A file in an archive, to be read before the next one comes. */
type Entry = Extract extends AsyncIterable<infer E> ? E : never

/** What an entry of an archive is for; undefined for what is passed over, such as directories. */
export type EntryKind = { kind: 'layout' | 'index' } | { kind: 'blob'; digest: string }

/** The error for an archive that wherry takes nothing from. */
export function notAnArchive(why: string, cause?: unknown): RefusedError {
  return new RefusedError('not-an-archive', `This is no archive of a snapshot: ${why}.`, {
    ...(cause === undefined ? {} : { cause }),
    suggestions: ['Make one with: wherry snapshot export SNAPSHOT > FILE'],
  })
}

/** The error for an archive of which something is missing or different. */
export function damagedArchive(what: string, cause?: unknown): NotVerifiedError {
  return new NotVerifiedError(`The archive is damaged: ${what}.`, {
    ...(cause === undefined ? {} : { cause }),
    suggestions: ['Export it once more; what was right of this one is not written again.'],
  })
}

/**
 * Decides on an entry by its header. Nothing is ever written under a name from an archive, but an archive with names that
 * lead out of it was not made by a program that means well.
 * @throws RefusedError `not-an-archive`.
 */
export function kindOf({ name, type }: Header): EntryKind | undefined {
  const shown = JSON.stringify(name).slice(0, 120)
  if (name.startsWith('/') || name.includes('\0') || name.split('/').includes('..')) {
    throw notAnArchive(`${shown} leads out of it`)
  }
  if (type === 'directory') return undefined
  if (type !== 'file' && type !== 'contiguous-file') throw notAnArchive(`${shown} is a ${type}, and no file`)
  const path = name.replace(/^(?:\.\/)+/, '')
  if (path === 'oci-layout') return { kind: 'layout' }
  if (path === 'index.json') return { kind: 'index' }
  if (!path.startsWith('blobs/')) return undefined
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1]
  if (hex === undefined) throw notAnArchive(`${shown} is not named after a SHA-256 digest`)
  return { kind: 'blob', digest: `sha256:${hex}` }
}

/** A small JSON document of an archive. @throws RefusedError `not-an-archive`. */
export async function readDocument(entry: Entry): Promise<unknown> {
  const { name, size } = entry.header
  if (size > maxDocumentBytes) throw notAnArchive(`its ${name} is larger than such a file is`)
  const pieces: Buffer[] = []
  for await (const piece of entry as AsyncIterable<Buffer>) pieces.push(piece)
  try {
    return JSON.parse(Buffer.concat(pieces).toString())
  } catch (error) {
    throw notAnArchive(`its ${name} is no JSON document`, error)
  }
}

/**
 * Makes a blob of an entry once it has been read to its end and is what its name says.
 * @returns whether it was there already. @throws NotVerifiedError (exit 8), RefusedError `no-space`.
 */
export async function storeBlob(
  entry: Entry,
  digest: string,
  to: Repository,
  progress: (bytes: number) => void,
): Promise<boolean> {
  const { size } = entry.header
  const blob: Descriptor = { mediaType: mediaTypes.pack, digest, size }
  const isThere = await to.has(blob)
  const directory = await to.workDirectory()
  if (!isThere) await refuseWithoutSpace(directory, size)
  const path = isThere
    ? undefined
    : join(directory, `import-${process.pid}-${randomBytes(6).toString('hex')}`)
  const file = path === undefined ? undefined : await open(path, 'wx', 0o600)
  const hash = createHash('sha256')
  try {
    for await (const piece of entry as AsyncIterable<Buffer>) {
      hash.update(piece)
      await file?.writeFile(piece)
      progress(piece.length)
    }
    await file?.close()
    if (`sha256:${hash.digest('hex')}` !== digest)
      throw damagedArchive(`blob ${digest} is not what its name says`)
    if (path) await to.addFile(path, blob)
    return isThere
  } finally {
    // It is closed already where all went well; else it goes.
    await file?.close().catch(() => undefined)
    if (path) await rm(path, { force: true })
  }
}
