import { readJson, writeFileAtomically } from '../platform/files.ts'
import type { LabPlaces } from './places.ts'

/**
 * The tags that the lab made on the outer engine, for `down` to remove. Kept in a file: a label on an image is
 * inherited by whatever is built or run from it, also by what is the user's own.
 */
export async function madeImages(places: LabPlaces): Promise<string[]> {
  return (await readJson<string[]>(places.made).catch(() => undefined)) ?? []
}

/** Notes a tag before it is made, so that a killed run leaves nothing unknown behind. */
export async function noteMade(places: LabPlaces, tags: readonly string[]): Promise<void> {
  const known = await madeImages(places)
  const all = [...new Set([...known, ...tags])]
  if (all.length > known.length) await writeFileAtomically(places.made, JSON.stringify(all))
}
