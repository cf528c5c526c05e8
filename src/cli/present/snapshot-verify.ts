import type { ChalkInstance } from 'chalk'
import prettyBytes from 'pretty-bytes'
import { NotVerifiedError } from '../../model/errors.ts'
import type { Verdict } from '../../snapshot/verify/judge.ts'
import type { VerifyResult } from '../../snapshot/verify/verify.ts'
import { counted } from './snapshots.ts'

const shownFiles = 20

/** A repository in which nothing is wrong. */
export function describeVerified(result: VerifyResult, colours: ChalkInstance): string {
  const { bytes, packs, readData, repo, snapshots } = result
  const read = readData
    ? `read ${counted(readData.packs, 'pack')}, ${prettyBytes(readData.bytes)}: every chunk is what its digest says`
    : 'the packs’ content was not read: --read-data does that'
  return [
    `${colours.green('✔')} ${counted(snapshots.length, 'snapshot')} in ${repo}: everything is there`,
    `  ${counted(packs, 'pack')}, ${prettyBytes(bytes)}; ${read}`,
    ...seedLine(result).map((line) => `  ${line}`),
  ].join('\n')
}

function seedLine({ readData }: VerifyResult): string[] {
  if (!readData || readData.percent === 100) return []
  return [`a part of ${readData.percent} % was drawn; the same again: --seed ${readData.seed}`]
}

/** The error that names everything that is damaged (exit 8). */
export function notVerified(result: VerifyResult): NotVerifiedError {
  const { damages, repo, snapshots } = result
  const lines = [
    `${counted(damages.length, 'thing')} in ${repo} ${damages.length === 1 ? 'is' : 'are'} damaged or missing:`,
    ...damages.map(({ message }) => `  - ${message}`),
    ...snapshots.filter(({ isWhole }) => !isWhole).flatMap(verdictLines),
    ...snapshots.filter(({ isWhole }) => isWhole).map(({ id }) => `  snapshot ${id} is whole`),
    ...seedLine(result).map((line) => `  ${line}`),
  ]
  return new NotVerifiedError(lines.join('\n'), {
    suggestions: [
      'Take what is damaged from another copy of the repository: blobs are the same wherever they are.',
      `A snapshot that is lost: wherry snapshot delete ID --repo ${repo}`,
    ],
    data: { ...result },
  })
}

function verdictLines({ id, isReadable, lost, lostFileCount, lostFiles }: Verdict): string[] {
  if (!isReadable) return [`  snapshot ${id}: nothing of it can be read`]
  if (lost.length + lostFileCount === 0) return [`  snapshot ${id}: affected, but no file was found lost`]
  const more = lostFileCount - shownFiles
  return [
    `  snapshot ${id}:`,
    ...lost.map((tree) => `    lost: all of ${tree}`),
    ...lostFiles.slice(0, shownFiles).map(({ path, tree }) => `    lost: ${path} in ${tree}`),
    ...(more > 0 ? [`    and ${counted(more, 'file')} more`] : []),
  ]
}
