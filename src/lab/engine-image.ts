import type { Report } from '../model/progress.ts'
import { buildImage, type DebianSuite, debianImage, ensureDebianImage } from './base-images.ts'
import type { OuterEngine } from './outer-engine.ts'
import { imageDirectory, type LabFlavour, type LabPlaces } from './places.ts'

const suiteOf: Readonly<Record<LabFlavour, DebianSuite>> = { stable: 'trixie', latest: 'sid' }
const titleOf: Readonly<Record<LabFlavour, string>> = {
  stable: 'Docker 26.1 on Debian trixie',
  latest: 'Docker 28 on Debian sid',
}

/** The tag of the image that both engines run from. */
export const engineImageTag = (flavour: LabFlavour) => `wherry-lab-engine:${flavour}`

/** Builds the image of an engine, quickly where the layer cache has it, and gives its id. */
export async function ensureEngineImage(
  outer: OuterEngine,
  places: LabPlaces,
  flavour: LabFlavour,
  report: Report,
): Promise<void> {
  const suite = suiteOf[flavour]
  await ensureDebianImage(outer, places, suite, report)
  report({
    type: 'phase',
    phase: 'engine-image',
    message: `building the engine image (${titleOf[flavour]})`,
  })
  await buildImage(outer, places, {
    tag: engineImageTag(flavour),
    directory: imageDirectory('lab-engine'),
    buildArgs: { BASE: debianImage(suite) },
  })
}
