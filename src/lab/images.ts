import { exitCodes, WherryError } from '../model/errors.ts'
import type { Report } from '../model/progress.ts'
import { readJson, writeFileAtomically } from '../platform/files.ts'
import { run } from '../platform/process.ts'
import { buildImage, imageId } from './base-images.ts'
import { lockLab } from './lock.ts'
import { connectOuter, type OuterEngine } from './outer-engine.ts'
import { type LabEngineName, type LabPlaces, labEngineNames, labPlaces } from './places.ts'
import { readRecord } from './record.ts'
import { labFailure } from './wait.ts'

/** What `ensureLabImage` is asked for. */
export interface LabImageRequest {
  tag: string
  /** The directory that holds the Dockerfile: the build context. */
  directory: string
  engines: readonly LabEngineName[]
  buildArgs?: Readonly<Record<string, string>>
}

/**
 * Builds an image on the outer engine, quickly where its layer cache has it, and puts it on the named engines of the lab
 * that do not have it.
 * @throws WherryError `lab-down` where the lab is not up.
 */
export async function ensureLabImage(request: LabImageRequest, report: Report): Promise<void> {
  const places = labPlaces()
  const record = await readRecord(places)
  const outer = record && (await connectOuter(record.outer))
  if (!outer) {
    throw new WherryError('lab-down', exitCodes.engineUnreachable, 'the lab is not up', {
      suggestions: ['Run `wherry lab up`'],
    })
  }
  await using _lock = await lockLab(places.lock, report)
  report({ type: 'phase', phase: 'lab-image', message: `building ${request.tag}` })
  await buildImage(outer, places, request)
  await loadImages(outer, places, [request.tag], request.engines, report)
}

/** By tag: the image's id on the outer engine and the id that it got on the inner one. */
type LoadedTags = Record<string, { outer: string; inner: string }>

/** What was loaded into which engine. */
export type LoadedImages = Partial<Record<LabEngineName, LoadedTags>>

/**
 * Copies images of the outer engine to those engines of the lab that do not have them. The two ids of one image differ
 * where the engines use different image stores, so what was loaded is remembered.
 */
export async function loadImages(
  outer: OuterEngine,
  places: LabPlaces,
  tags: readonly string[],
  engines: readonly LabEngineName[] = labEngineNames,
  report: Report,
): Promise<void> {
  const loaded = (await readJson<LoadedImages>(places.loaded).catch(() => undefined)) ?? {}
  const wanted = await Promise.all(tags.map(async (tag) => ({ tag, id: await outerImageId(outer, tag) })))
  const missing = await Promise.all(
    engines.map(async (name) => ({ name, images: await missingImages(places, name, wanted, loaded[name]) })),
  )
  const copies = missing.filter(({ images }) => images.length > 0)
  if (copies.length === 0) return
  const names = [...new Set(copies.flatMap(({ images }) => images.map(({ tag }) => tag)))]
  const message = `copying ${names.join(', ')} to ${copies.map(({ name }) => name).join(' and ')}`
  report({ type: 'phase', phase: 'load-image', message })
  await Promise.all(
    copies.map(async ({ name, images }) => {
      loaded[name] = { ...loaded[name], ...(await copyImages(outer, places, name, images)) }
    }),
  )
  await writeFileAtomically(places.loaded, JSON.stringify(loaded))
}

/** An image of the outer engine. */
interface OuterImage {
  tag: string
  id: string
}

async function outerImageId(outer: OuterEngine, tag: string): Promise<string> {
  const id = await imageId(outer, tag)
  if (id) return id
  throw labFailure('lab-no-image', `the outer engine has no image ${tag}`, '')
}

async function missingImages(
  places: LabPlaces,
  name: LabEngineName,
  wanted: readonly OuterImage[],
  loaded: LoadedTags = {},
): Promise<OuterImage[]> {
  const checks = wanted.map(async (image) => {
    const inner = await innerImageId(places, name, image.tag)
    const known = loaded[image.tag]
    const same = inner === image.id || (known?.outer === image.id && known.inner === inner)
    return inner && same ? [] : [image]
  })
  return (await Promise.all(checks)).flat()
}

async function innerImageId(
  places: LabPlaces,
  name: LabEngineName,
  tag: string,
): Promise<string | undefined> {
  const args = ['--host', `unix://${places.socket(name)}`, 'image', 'inspect', '--format', '{{.Id}}', tag]
  const found = await run('docker', args, { timeoutMs: 20_000 })
  return found.failure ? undefined : found.stdout.trim()
}

/** Copies images in one archive, in which the layers that they share come once. Gives the ids that they got. */
async function copyImages(
  outer: OuterEngine,
  places: LabPlaces,
  name: LabEngineName,
  images: readonly OuterImage[],
): Promise<LoadedTags> {
  const script = 'from=$1; to=$2; shift 2; docker --host "$from" save "$@" | docker --host "$to" load'
  const tags = images.map(({ tag }) => tag)
  const target = `unix://${places.socket(name)}`
  const result = await run('sh', ['-c', script, 'sh', outer.host, target, ...tags], { timeoutMs: 300_000 })
  const copied: LoadedTags = {}
  for (const { tag, id } of images) {
    const inner = result.failure ? undefined : await innerImageId(places, name, tag)
    if (!inner) {
      throw labFailure('lab-load-failed', `the image ${tag} could not be copied to ${name}`, result.stderr)
    }
    copied[tag] = { outer: id, inner }
  }
  return copied
}
