import type { Report } from '../../model/progress.ts'
import { findSnapshots } from '../browse/find.ts'
import type { DirectoryRepository } from '../repository/directory.ts'
import type { SealOf } from '../seal.ts'
import { type Damage, Damages } from './damages.ts'
import { Examination, type Examined } from './examine.ts'
import { judge, type Verdict } from './judge.ts'
import { type Candidate, checkList } from './list.ts'
import { BadChunks, checkSizes, drawPacks, type ReadData, type ReadPacks, readPacks } from './packs.ts'

export interface VerifyRequest {
  repository: DirectoryRepository
  sealOf: SealOf
  /** What the user calls the snapshots to look at; all where there are none. */
  words: readonly string[]
  /** Whether to read packs, too. */
  readData?: ReadData | undefined
  report: Report
  signal: AbortSignal
}

/** What was looked at, and everything that is wrong. Sizes in bytes. */
export interface VerifyResult {
  repo: string
  snapshots: Verdict[]
  packs: number
  bytes: number
  readData?: ReadPacks
  damages: Damage[]
}

/** Compares a repository with its digests. Whatever is in it, this ends with a result, which names all that is damaged. */
export async function verify(request: VerifyRequest): Promise<VerifyResult> {
  const { repository, report, sealOf, words, readData } = request
  const [damages, bad] = [new Damages(), new BadChunks()]
  report({ type: 'phase', phase: 'list', message: 'looking at what is listed' })
  const candidates = await chosen(request, await checkList(repository, damages), damages)
  const examination = new Examination(repository, sealOf, damages)
  const examined: Examined[] = []
  for (const candidate of candidates) examined.push(await examination.examine(candidate))
  const packs = new Map(examined.flatMap((one) => one.packs.map((pack) => [pack.digest, pack] as const)))
  const sizes = await checkSizes(repository, packs.values(), damages, bad)
  const drawn = readData ? drawPacks([...packs.values()], readData) : []
  const read = await readPacks(repository, drawn, sizes, damages, bad, request)
  const snapshots: Verdict[] = []
  report({ type: 'phase', phase: 'trees', message: 'looking for every chunk' })
  for (const one of examined) snapshots.push(await judge({ ...request, damages, bad }, one))
  if (words.length === 0) snapshots.push(...unseen(damages, snapshots))
  const bytes = [...packs.values()].reduce((sum, { size }) => sum + size, 0)
  const readPart = readData ? { readData: { ...readData, ...read } } : {}
  return { repo: repository.name, snapshots, packs: packs.size, bytes, ...readPart, damages: damages.all }
}

/** Those that were asked for. Where the list cannot be read and names nothing that is asked for, none. */
async function chosen(
  { repository, sealOf, words }: VerifyRequest,
  candidates: Candidate[],
  damages: Damages,
): Promise<Candidate[]> {
  if (words.length === 0) return candidates
  const listed = candidates.map((candidate) => candidate.listed)
  const found = await findSnapshots(repository, sealOf, words, listed).catch((error) => {
    if (damages.all.length === 0) throw error
  })
  return candidates.filter((candidate) => found?.includes(candidate.listed))
}

const unreadable = { isWhole: false, isReadable: false, lost: [], lostFiles: [], lostFileCount: 0 }

/** Snapshots of which not even the manifest can be read. */
function unseen(damages: Damages, known: readonly Verdict[]): Verdict[] {
  const ids = damages.all.flatMap(({ kind, snapshots }) => (kind === 'manifest' ? snapshots : []))
  return [...new Set(ids)]
    .filter((id) => !known.some((verdict) => verdict.id === id))
    .map((id) => ({ id, createdAt: '', ...unreadable }))
}
