import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineUnreachableError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { readJson } from '../platform/files.ts'
import { debianImage, nodeImage } from './baseImages.ts'
import { removeContext } from './contexts.ts'
import { innerCgroup, removeEngine } from './engineContainer.ts'
import { engineImageTag } from './engineImage.ts'
import type { LoadedImages } from './images.ts'
import { lockLab } from './lock.ts'
import { connectOuter, findOuterAddress, type OuterEngine, privateAddress } from './outerEngine.ts'
import { contextName, type LabPlaces, labEngineNames, labLabel, labNetwork, labPlaces } from './places.ts'
import { startPrivateEngine } from './privateEngine.ts'
import { hasPrivateEngine, removePrivateEngine } from './privateEngineRemoval.ts'
import { readRecord } from './record.ts'
import { removeCgroups, unmountUnder } from './remains.ts'

/** What `labDown` is asked for. */
export interface LabDownOptions {
  /** Keeps the images (and the private engine's data root), so that the next `up` is quick. */
  keepImages?: boolean
}

/**
 * Removes the lab: engines, volumes, network, contexts, images and, where the lab brought one, the outer engine with
 * everything that it did to the machine. Does nothing where there is no lab; finishes what a killed run left half done.
 * @throws EngineUnreachableError `lab-outer-gone` where the engine that holds the lab cannot be asked.
 */
export async function labDown(options: LabDownOptions, report: Report): Promise<void> {
  const places = labPlaces()
  await using _lock = await lockLab(places.lock, report)
  report({ type: 'phase', phase: 'down', message: 'removing the lab' })
  const keepImages = options.keepImages ?? false
  const outer = await outerToClear(places, keepImages, report)
  if (outer) await removeObjects(outer, places, keepImages || outer.isPrivate)
  if (await hasPrivateEngine(places.outer)) {
    report({ type: 'phase', phase: 'outer', message: 'stopping the lab’s own Docker engine' })
    await removePrivateEngine(places.outer, keepImages)
  }
  for (const name of labEngineNames) {
    await removeContext(contextName(name))
    await removeCgroups(innerCgroup(name))
  }
  await removeFiles(places, keepImages)
}

/** The engine whose objects must be removed one by one; a private one that goes altogether needs that not. */
async function outerToClear(
  places: LabPlaces,
  keepImages: boolean,
  report: Report,
): Promise<OuterEngine | undefined> {
  const recorded = (await readRecord(places))?.outer
  if (await hasPrivateEngine(places.outer)) {
    const running = await connectOuter(privateAddress(places))
    if (running || !keepImages) return running
    await startPrivateEngine(places.outer, report)
    return connectOuter(privateAddress(places))
  }
  if (recorded?.isPrivate) return undefined
  const address = recorded ?? (await findOuterAddress())
  const outer = address && (await connectOuter(address))
  if (outer || !recorded) return outer
  throw new EngineUnreachableError(
    'lab-outer-gone',
    `the engine that holds the lab does not answer: ${recorded.host}`,
    {
      suggestions: ['Start that Docker engine, then run `wherry lab down` again'],
    },
  )
}

async function removeObjects(outer: OuterEngine, places: LabPlaces, keepImages: boolean): Promise<void> {
  await Promise.all(labEngineNames.map((name) => removeEngine(outer, name)))
  const labelled = `label=${labLabel}`
  const others = await outer.docker(['ps', '--all', '--quiet', '--filter', labelled])
  for (const id of words(others)) await outer.try(['rm', '--force', '--volumes', id])
  await outer.try(['network', 'rm', labNetwork])
  if (keepImages) return
  for (const tag of await imageTags(outer, places)) await outer.try(['rmi', '--force', tag])
  await outer.try(['image', 'prune', '--force', '--filter', labelled])
}

/** Only tags that the lab made, and only while it was the lab that made them: a pulled base image stays. */
async function imageTags(outer: OuterEngine, places: LabPlaces): Promise<string[]> {
  const loaded = (await readJson<LoadedImages>(places.loaded).catch(() => undefined)) ?? {}
  const ours = new Set([
    ...Object.values(loaded).flatMap((tags) => Object.keys(tags)),
    ...[engineImageTag('stable'), engineImageTag('latest'), nodeImage],
    ...[debianImage('trixie'), debianImage('sid')],
  ])
  const format = '{{.Repository}}:{{.Tag}}'
  const labelled = await outer.docker(['images', '--filter', `label=${labLabel}`, '--format', format])
  const agents = [...ours].filter((tag) => tag.startsWith('wherry-agent:'))
  return [...words(labelled).filter((tag) => ours.has(tag)), ...agents]
}

async function removeFiles(places: LabPlaces, keepImages: boolean): Promise<void> {
  // A killed debootstrap may have left /proc mounted below: nothing must be removed through it.
  await unmountUnder(places.root)
  const kept = keepImages ? new Set([places.outer.directory]) : new Set<string>()
  for (const entry of await readdir(places.root).catch(() => [])) {
    const path = join(places.root, entry)
    if (!kept.has(path)) await rm(path, { recursive: true, force: true })
  }
  const left = await readdir(places.root).catch(() => [])
  if (left.length === 0) await rm(places.root, { recursive: true, force: true })
}

const words = (text: string) => text.split(/\s+/).filter((word) => word !== '')
