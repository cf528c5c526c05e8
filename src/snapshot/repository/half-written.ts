import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive } from '../../platform/alive.ts'

/**
 * Paths of files in a repository's directory that runs left half-written. Whoever asks is alone with the repository; a file
 * of a process that is there all the same stays: its lock may have looked abandoned because its machine slept.
 */
export async function halfWritten(repository: string): Promise<string[]> {
  const incoming = join(repository, 'wherry', 'incoming')
  const found = (await readdir(incoming))
    .filter((name) => isNobodys(/^[a-z]+-(\d+)-/.exec(name)?.[1]))
    .map((name) => join(incoming, name))
  for (const directory of [repository, join(repository, 'wherry'), join(repository, 'blobs', 'sha256')]) {
    for (const name of await readdir(directory)) {
      const pid = /\.(\d+)(-[0-9a-z]+)?\.tmp$/.exec(name)?.[1]
      if (pid !== undefined && isNobodys(pid)) found.push(join(directory, name))
    }
  }
  return found
}

function isNobodys(pid: string | undefined): boolean {
  return pid === undefined || (Number(pid) !== process.pid && !isAlive(Number(pid)))
}
