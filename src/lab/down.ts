import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineUnreachableError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { removeContext } from './contexts.ts'
import { removeEngine } from './engine-container.ts'
import { lockLab } from './lock.ts'
import { madeImages } from './made-images.ts'
import {
  connectOuter,
  findOuterAddress,
  type OuterAddress,
  type OuterEngine,
  privateAddress,
} from './outer-engine.ts'
import { contextName, type LabPlaces, labEngineNames, labPlaces } from './places.ts'
import { startPrivateEngine } from './private-engine.ts'
import { hasPrivateEngine, removePrivateEngine } from './private-engine-removal.ts'
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
  for (const outer of await outersToClear(places, keepImages, report))
    await removeObjects(outer, places, keepImages || outer.isPrivate)
  if (await hasPrivateEngine(places.outer)) {
    report({ type: 'phase', phase: 'outer', message: 'stopping the lab’s own Docker engine' })
    await removePrivateEngine(places.outer, keepImages)
  }
  for (const name of labEngineNames) {
    await removeContext(contextName(name))
    await removeCgroups(places.cgroup(name))
  }
  await removeFiles(places, keepImages)
}

/** The engines whose objects must be removed one by one; a private one that goes altogether needs that not. */
async function outersToClear(places: LabPlaces, keepImages: boolean, report: Report): Promise<OuterEngine[]> {
  const hasPrivate = await hasPrivateEngine(places.outer)
  const outers = [
    hasPrivate ? await privateToClear(places, keepImages, report) : undefined,
    await publicToClear((await readRecord(places))?.outer, hasPrivate),
  ]
  return outers.filter((outer) => outer !== undefined)
}

async function privateToClear(
  places: LabPlaces,
  keepImages: boolean,
  report: Report,
): Promise<OuterEngine | undefined> {
  const running = await connectOuter(privateAddress(places))
  if (running || !keepImages) return running
  await startPrivateEngine(places.outer, report)
  return connectOuter(privateAddress(places))
}

/** Without a record a lab may be half made, on the engine that is there. */
async function publicToClear(
  recorded: OuterAddress | undefined,
  hasPrivate: boolean,
): Promise<OuterEngine | undefined> {
  if (recorded?.isPrivate || (!recorded && hasPrivate)) return undefined
  const address = recorded ?? (await findOuterAddress())
  const outer = address && (await connectOuter(address))
  if (outer || !recorded) return outer
  const message = `the engine that holds the lab does not answer: ${recorded.host}`
  throw new EngineUnreachableError('lab-outer-gone', message, {
    suggestions: ['Start that Docker engine, then run `wherry lab down` again'],
  })
}

async function removeObjects(outer: OuterEngine, places: LabPlaces, keepImages: boolean): Promise<void> {
  await Promise.all(labEngineNames.map((name) => removeEngine(outer, places, name)))
  await outer.try(['network', 'rm', places.network])
  if (keepImages) return
  // The youngest first, because they stand on the older ones. Refused where the user's own containers run from one.
  for (const tag of (await madeImages(places)).reverse()) await outer.try(['rmi', tag])
}

async function removeFiles(places: LabPlaces, keepImages: boolean): Promise<void> {
  // A killed debootstrap may have left /proc mounted below: nothing must be removed through it.
  await unmountUnder(places.root)
  const kept = keepImages ? new Set([places.outer.directory, places.made]) : new Set<string>()
  for (const entry of await readdir(places.root).catch(() => [])) {
    const path = join(places.root, entry)
    if (!kept.has(path)) await rm(path, { recursive: true, force: true })
  }
  const left = await readdir(places.root).catch(() => [])
  if (left.length === 0) await rm(places.root, { recursive: true, force: true })
}
