import { type DirectoryRepository, digestOf } from '../repository/directory.ts'
import {
  annotations,
  type Descriptor,
  isDescriptor,
  mediaTypes,
  type OciManifest,
  parseManifest,
} from '../repository/oci.ts'
import { annotationsOf, type ListedSnapshot, listedOf } from '../repository/repository.ts'
import type { Damages } from './damages.ts'

/** A manifest of ours is never larger: registries take no larger ones. */
const maxManifestBytes = 4 << 20

/** A snapshot that can be looked at: its manifest is what its digest says. */
export interface Candidate {
  listed: ListedSnapshot
  manifest: OciManifest
}

/**
 * What the repository's own files list, as far as anything can be made of it, the newest first. Where the list itself cannot
 * be read, the snapshots whose manifests are there.
 */
export async function checkList(repository: DirectoryRepository, damages: Damages): Promise<Candidate[]> {
  await checkLayoutFile(repository, damages)
  const entries = await readEntries(repository, damages)
  if (!entries) return lostCandidates(repository)
  const found: Candidate[] = []
  for (const entry of entries) {
    const candidate = isDescriptor(entry) ? await checkEntry(repository, damages, entry) : undefined
    if (candidate) found.push(candidate)
    else if (!isDescriptor(entry)) listIsDamaged(damages, 'it has an entry that describes nothing')
  }
  return newestFirst(found)
}

async function checkLayoutFile({ layout }: DirectoryRepository, damages: Damages): Promise<void> {
  const state = await layout.state()
  if (state !== 'missing' && state !== 'damaged') return
  const mend = 'It holds nothing but {"imageLayoutVersion":"1.0.0"}.'
  damages.add({
    kind: 'layout',
    name: 'oci-layout',
    problem: state,
    message: `oci-layout is ${state}. ${mend}`,
  })
}

async function readEntries(
  { layout }: DirectoryRepository,
  damages: Damages,
): Promise<unknown[] | undefined> {
  const message = 'index.json, the list of the snapshots, is missing.'
  try {
    const found = await layout.parse()
    if (!found?.isWhole) listIsDamaged(damages, 'it is not the list of an image layout')
    return found?.entries
  } catch {
    damages.add({ kind: 'list', name: 'index.json', problem: 'missing', message })
    return undefined
  }
}

function listIsDamaged(damages: Damages, why: string, snapshot?: string): void {
  const message = `index.json, the list of the snapshots, is damaged: ${why}.`
  damages.add({ kind: 'list', name: 'index.json', problem: 'damaged', message }, snapshot)
}

/** A listed snapshot, if its manifest can be read. Others than snapshots may be listed too: their blob must be what it was. */
async function checkEntry(
  repository: DirectoryRepository,
  damages: Damages,
  entry: Descriptor,
): Promise<Candidate | undefined> {
  const listed = listedOf(entry)
  const isListed = entry.artifactType === mediaTypes.snapshot
  const content = await repository.read(entry.digest).catch(() => undefined)
  const who = isListed ? `manifest of snapshot ${listed.id}` : 'manifest'
  const name = entry.digest
  const add = (problem: 'missing' | 'damaged') => {
    const message = `The ${who}, ${name}, which index.json names, is ${problem}.`
    damages.add({ kind: 'manifest', name, problem, message }, isListed ? listed.id : undefined)
  }
  if (!content) add('missing')
  else if (digestOf(content) !== name) add('damaged')
  else {
    const manifest = manifestIn(content)
    if (manifest) {
      const expected = expectedEntry(manifest, content)
      for (const why of differences(expected, entry)) listIsDamaged(damages, why, listed.id)
      return { listed: listedOf(expected), manifest }
    }
    if (isListed) add('damaged')
  }
  return undefined
}

function manifestIn(content: Buffer): OciManifest | undefined {
  if (content.length > maxManifestBytes) return undefined
  try {
    return parseManifest(content)
  } catch {
    return undefined
  }
}

/** What the list must say of a manifest. */
function expectedEntry(manifest: OciManifest, content: Buffer): Descriptor {
  const {
    [annotations.id]: id = '',
    [annotations.created]: createdAt = '',
    [annotations.title]: title,
  } = manifest.annotations ?? {}
  return {
    mediaType: mediaTypes.manifest,
    digest: digestOf(content),
    size: content.length,
    artifactType: mediaTypes.snapshot,
    annotations: annotationsOf({ id, createdAt, ...(title === undefined ? {} : { title }) }),
  }
}

function* differences(
  { annotations: notes = {}, ...expected }: Descriptor,
  entry: Descriptor,
): Generator<string> {
  const id = notes[annotations.id]
  for (const [field, value] of Object.entries(expected))
    if (entry[field as keyof Descriptor] !== value)
      yield `${field} of snapshot ${id} is not what its manifest says`
  for (const [note, value] of Object.entries(notes))
    if (entry.annotations?.[note] !== value) yield `${note} of snapshot ${id} is not what its manifest says`
}

/** Snapshots that are there though nothing lists them. */
async function lostCandidates(repository: DirectoryRepository): Promise<Candidate[]> {
  const found: Candidate[] = []
  for (const { digest, size } of await repository.blobs()) {
    if (size > maxManifestBytes) continue
    const content = await repository.read(digest)
    const manifest = digestOf(content) === digest ? manifestIn(content) : undefined
    if (manifest) found.push({ listed: listedOf(expectedEntry(manifest, content)), manifest })
  }
  return newestFirst(found)
}

function newestFirst(found: readonly Candidate[]): Candidate[] {
  return found.toSorted((a, b) => (a.listed.createdAt < b.listed.createdAt ? 1 : -1))
}
