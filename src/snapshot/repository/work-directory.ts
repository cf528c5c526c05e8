import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A temporary file so old belongs to no run that is still at it. */
const abandonedMs = 24 * 3600 * 1000

/** `incoming` in a directory, for files that are being made; what was given up there is removed. */
export async function workDirectory(base: string): Promise<string> {
  const path = join(base, 'incoming')
  await mkdir(path, { recursive: true, mode: 0o700 })
  for (const name of await readdir(path)) {
    const found = await stat(join(path, name)).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > abandonedMs)
      await rm(join(path, name), { recursive: true, force: true })
  }
  return path
}
