import { createHash } from 'node:crypto'
import { rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { RefusedError } from '../model/errors.ts'
import { dockerConfigDirectory } from '../platform/directories.ts'
import { readJson, writeFileAtomically } from '../platform/files.ts'

/** A context's meta.json, as docker/cli's package context/store writes it. */
export interface ContextMetadata {
  Name: string
  Metadata: { Description?: string }
  Endpoints: { docker: { Host: string; SkipTLSVerify: boolean } }
}

/** Tells the lab's contexts from ones of the same name that are somebody else's. */
const description = 'An engine of the wherry lab'

/** The content of a lab context's meta.json. Pure. */
export function contextMetadata(name: string, host: string): ContextMetadata {
  return {
    Name: name,
    Metadata: { Description: description },
    Endpoints: { docker: { Host: host, SkipTLSVerify: false } },
  }
}

/** Where the Docker CLI keeps a context: a directory named by the SHA-256 of its name. */
export function contextDirectory(name: string): string {
  const id = createHash('sha256').update(name).digest('hex')
  return join(dockerConfigDirectory(), 'contexts', 'meta', id)
}

/**
 * Writes the context, replacing only one that the lab wrote.
 * @throws RefusedError `lab-context-taken` where the name is somebody else's.
 */
export async function writeContext(name: string, host: string): Promise<void> {
  const file = join(contextDirectory(name), 'meta.json')
  const existing = await readJson<ContextMetadata>(file)
  const wanted = contextMetadata(name, host)
  if (existing && !isOurs(existing)) {
    throw new RefusedError('lab-context-taken', `there is a Docker context ${name} that is not the lab’s`, {
      suggestions: [`Remove or rename it: docker context rm ${name}`],
    })
  }
  if (JSON.stringify(existing) !== JSON.stringify(wanted)) {
    await writeFileAtomically(file, JSON.stringify(wanted), 0o644)
  }
}

/** Removes the context if the lab wrote it. */
export async function removeContext(name: string): Promise<void> {
  const existing = await readJson<ContextMetadata>(join(contextDirectory(name), 'meta.json')).catch(
    () => undefined,
  )
  if (!existing || !isOurs(existing)) return
  await rm(contextDirectory(name), { recursive: true, force: true })
  // The store's directories too where nothing else is in them: the lab may have made them.
  const store = join(dockerConfigDirectory(), 'contexts')
  for (const directory of [join(store, 'meta'), store]) await rmdir(directory).catch(() => undefined)
}

function isOurs(metadata: ContextMetadata): boolean {
  return metadata.Metadata?.Description === description
}
