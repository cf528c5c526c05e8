import { createHash } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cacheDirectory } from '../../../platform/directories.ts'
import { claim } from '../mutex.ts'
import type { Descriptor } from '../oci.ts'
import type { BlobSource, TransferOptions } from '../repository.ts'
import type { RegistryClient } from './client.ts'
import { Upload } from './upload-session.ts'

/** No registry keeps an upload for so long that nobody goes on with. */
const forgottenMs = 7 * 24 * 3600 * 1000

/**
 * Sends a blob to a registry in pieces (OCI distribution-spec 1.1, "Pushing a blob in chunks"; one of a single piece by "POST
 * then PUT"). After an interruption, of this run or an earlier one, it goes on where the registry says that it is.
 * @throws NotVerifiedError when what is read does not have the blob's digest.
 */
export async function upload(
  client: RegistryClient,
  blob: Descriptor,
  source: BlobSource,
  options: TransferOptions,
): Promise<void> {
  const { host, name } = client.place
  const key = createHash('sha256').update(`${host}/${name} ${blob.digest}`).digest('hex')
  const record = join(cacheDirectory(), 'uploads', `${key}.json`)
  await mkdir(dirname(record), { recursive: true, mode: 0o700 })
  await forgetOld(dirname(record))
  // Of two that send the same blob one may go on with what is there.
  const release = await claim(`${record}.lock`, 'snapshot push')
  try {
    await new Upload(client, blob, source, release ? record : undefined, options).run()
  } finally {
    await release?.()
  }
}

async function forgetOld(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const found = await stat(join(directory, name)).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > forgottenMs) await rm(join(directory, name), { force: true })
  }
}
