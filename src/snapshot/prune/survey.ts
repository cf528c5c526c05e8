import { DigestSet } from '../../agent/snapshot/digest-set.ts'
import { NotVerifiedError } from '../../model/errors.ts'
import type { Report } from '../../model/progress.ts'
import type { DirectoryRepository } from '../repository/directory.ts'
import { mediaTypes } from '../repository/oci.ts'
import type { SealOf } from '../seal.ts'
import { Damages } from '../verify/damages.ts'
import { Examination, type Examined } from '../verify/examine.ts'
import { type Court, judge } from '../verify/judge.ts'
import { type Candidate, checkList } from '../verify/list.ts'
import { BadChunks, checkSizes } from '../verify/packs.ts'
import { type Blob, crowdedPacks, type PackUse } from './plan.ts'
import { type Decision, decide, type Policy } from './retention.ts'

export interface SurveyRequest {
  repository: DirectoryRepository
  sealOf: SealOf
  policy: Policy
  report: Report
  signal: AbortSignal
}

/** Everything that a plan to prune rests on. */
export interface Survey {
  /** The newest first. */
  snapshots: { examined: Examined; decision: Decision; isWhole: boolean }[]
  blobs: Blob[]
  /** Digests of all that must stay. */
  needed: Set<string>
  packs: PackUse[]
  /** Chunks that snapshots need which stay. */
  chunks: DigestSet
}

/**
 * Looks at a repository, and decides which snapshots stay: those that the policy keeps were looked at down to every chunk.
 * @throws NotVerifiedError where it cannot be told what is needed.
 */
export async function takeSurvey(request: SurveyRequest): Promise<Survey> {
  const { repository, report, sealOf, signal, policy } = request
  report({ type: 'phase', phase: 'survey', message: 'looking at what the snapshots need' })
  const [damages, bad, chunks] = [new Damages(), new BadChunks(), new DigestSet()]
  const candidates = await allCandidates(repository)
  const examination = new Examination(repository, sealOf, damages)
  const all: Examined[] = []
  for (const candidate of candidates) all.push(await examination.examine(candidate))
  await checkSizes(
    repository,
    all.flatMap(({ packs }) => packs),
    damages,
    bad,
  )
  for (const { listed, manifest } of all)
    for (const { digest } of [manifest.config, ...manifest.layers]) damages.affects(digest, listed.id)
  const onChunk = (digest: Buffer) => void chunks.add(digest)
  const decisions = await decideAll({ repository, signal, damages, bad, onChunk }, all, policy)
  const snapshots = all.map((examined, index) => ({
    examined,
    decision: decisions[index] as Decision,
    isWhole: isWhole(damages, examined),
  }))
  const staying = snapshots.filter(({ decision }) => decision.stays)
  return {
    snapshots,
    blobs: await repository.blobs(),
    needed: await neededBlobs(
      repository,
      staying.map(({ examined }) => examined),
    ),
    packs: usesOf(staying, chunks),
    chunks,
  }
}

/** All snapshots that are listed. @throws NotVerifiedError where the list or one of their manifests is damaged. */
export async function allCandidates(repository: DirectoryRepository): Promise<Candidate[]> {
  const damages = new Damages()
  const candidates = await checkList(repository, damages)
  if (damages.all.length > 0) throw cannotTell(repository, damages)
  return candidates
}

/** Decides, looks closely at what is to stay, and decides again where that turns out to be damaged. */
async function decideAll(court: Court, all: readonly Examined[], policy: Policy): Promise<Decision[]> {
  const judged = new Set<string>()
  for (;;) {
    const decisions = decide(
      all.map((examined) => ({
        id: examined.listed.id,
        createdAt: examined.listed.createdAt,
        group: groupOf(examined),
        isWhole: isWhole(court.damages, examined),
      })),
      policy,
    )
    const fresh = all.filter(({ listed: { id } }, index) => decisions[index]?.stays && !judged.has(id))
    if (fresh.length === 0) return decisions
    for (const examined of fresh) {
      judged.add(examined.listed.id)
      await judge(court, examined)
    }
  }
}

function isWhole(damages: Damages, { listed: { id } }: Examined): boolean {
  return !damages.all.some(({ snapshots }) => snapshots.includes(id))
}

/** The same containers of the same engine: another engine may well have others of these names. */
function groupOf({ config, listed }: Examined): string {
  const names = config?.containers.map(({ name }) => name).sort() ?? [listed.title ?? '']
  return JSON.stringify([config?.engine.id, ...names])
}

/** What must stay for snapshots, and for whatever else the repository lists, such as keys. */
export async function neededBlobs(
  repository: DirectoryRepository,
  staying: readonly Candidate[],
): Promise<Set<string>> {
  const needed = new Set<string>()
  for (const { listed, manifest } of staying)
    for (const { digest } of [listed.manifest, manifest.config, ...manifest.layers]) needed.add(digest)
  const others = (await repository.layout.read()).filter(
    ({ artifactType }) => artifactType !== mediaTypes.snapshot,
  )
  const queue = others.map(({ digest }) => digest)
  for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
    if (needed.has(digest)) continue
    needed.add(digest)
    // What one manifest names may be a manifest again.
    const content = await repository.read(digest).catch(() => Buffer.alloc(0))
    for (const [found] of content.toString('latin1').matchAll(/sha256:[0-9a-f]{64}/g)) queue.push(found)
  }
  return needed
}

function usesOf(staying: Survey['snapshots'], chunks: DigestSet): PackUse[] {
  const uses = new Map<string, PackUse>()
  for (const { examined, isWhole } of staying) {
    const isCrowded = examined.packs.length > crowdedPacks
    for (const pack of examined.packs) {
      const use = uses.get(pack.digest) ?? {
        digest: pack.digest,
        size: pack.size,
        storedBytes: pack.chunks.reduce((sum, { storedLength }) => sum + storedLength, 0),
        neededBytes: pack.chunks.reduce(
          (sum, { digest, storedLength }) => sum + (chunks.has(digest) ? storedLength : 0),
          0,
        ),
        isFixed: false,
        isCrowded: false,
      }
      use.isFixed ||= !isWhole
      use.isCrowded ||= isCrowded
      uses.set(pack.digest, use)
    }
  }
  return [...uses.values()]
}

function cannotTell({ name }: DirectoryRepository, damages: Damages): NotVerifiedError {
  const all = damages.all
  return new NotVerifiedError(
    `It cannot be told what the snapshots in ${name} need: ${all[0]?.message}${all.length > 1 ? ` (and ${all.length - 1} more)` : ''}`,
    {
      suggestions: [
        `See what is damaged: wherry snapshot verify --repo ${name}`,
        ...all
          .flatMap(({ snapshots }) => snapshots)
          .map((id) => `If the snapshot is lost: wherry snapshot delete ${id} --repo ${name}`),
      ],
      data: { damages: all },
    },
  )
}
