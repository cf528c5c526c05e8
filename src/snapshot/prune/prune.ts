import { rm } from 'node:fs/promises'
import { type BlobPlan, planBlobs } from './plan.ts'
import { repack } from './repack.ts'
import type { Decision } from './retention.ts'
import { allCandidates, neededBlobs, type Survey, type SurveyRequest, takeSurvey } from './survey.ts'

/** What prune is about to do. */
export interface PrunePlan extends BlobPlan {
  repo: string
  /** The newest first. */
  snapshots: (Decision & { createdAt: string; containers: string[] })[]
  /** Paths of files that runs left half-written. */
  halfWritten: string[]
  survey: Survey
}

/** What prune did. Bytes. */
export interface Pruned {
  /** Ids of the snapshots that went. */
  removed: string[]
  /** Ids of the snapshots that were listed anew because their packs were written anew. */
  republished: string[]
  blobs: number
  bytes: number
}

/** Finds out what is to be done. Changes nothing. @throws NotVerifiedError where it cannot be told what is needed. */
export async function planPrune(request: SurveyRequest): Promise<PrunePlan> {
  const { repository } = request
  const survey = await takeSurvey(request)
  return {
    repo: repository.name,
    snapshots: survey.snapshots.map(({ decision, examined: { config, listed } }) => ({
      ...decision,
      createdAt: listed.createdAt,
      containers: config?.containers.map(({ name }) => name) ?? listed.title?.split(', ') ?? [],
    })),
    halfWritten: await repository.halfWritten(),
    ...planBlobs(survey.blobs, survey.needed, survey.packs),
    survey,
  }
}

/** Whether there is anything to do. */
export function isEmpty({ halfWritten, repack, snapshots, surplus }: PrunePlan): boolean {
  return halfWritten.length + repack.length + surplus.length === 0 && snapshots.every(({ stays }) => stays)
}

/**
 * Does what was planned; the caller is alone with the repository since. What is new is written first, then the list changes
 * at one instant, and what nothing needs goes last: whenever this ends, what is listed is whole.
 */
export async function prune(request: SurveyRequest, plan: PrunePlan): Promise<Pruned> {
  const { repository, report, signal } = request
  const { survey } = plan
  const anew = await repack(request, survey, plan.repack)
  signal.throwIfAborted()
  const gone = survey.snapshots
    .filter(({ decision }) => !decision.stays)
    .map(({ examined }) => examined.listed)
  if (gone.length + anew.length > 0) await repository.relist(gone, anew)
  report({ type: 'phase', phase: 'remove', message: 'removing what nothing needs' })
  // Looked at again: what is removed must not be needed by what is listed now.
  const needed = await neededBlobs(repository, await allCandidates(repository))
  const surplus = (await repository.blobs()).filter(({ digest }) => !needed.has(digest))
  await repository.removeBlobs(surplus.map(({ digest }) => digest))
  for (const path of plan.halfWritten) await rm(path, { recursive: true, force: true })
  return {
    removed: gone.map(({ id }) => id),
    republished: anew.map(({ snapshot }) => snapshot.id),
    blobs: surplus.length,
    bytes: surplus.reduce((sum, { size }) => sum + size, 0),
  }
}
