import { writeFile } from 'node:fs/promises'
import { contentOf, type DataSet } from './data-sets.ts'

/**
 * Lets the file system forget what was deleted, so that one method does not pay for what was removed after the one before.
 * ext4 without a journal gives no inode out again for up to six minutes, and for each new file it looks at all that were
 * deleted near by: 200,000 files took tar twelve times as long. It looks only at those whose blocks are in memory. What is
 * written must be on disk already. The source is read again afterwards, because its data is to be in memory.
 *
 * Does nothing for a single file, and where the caches cannot be dropped: without root, or where the engines run elsewhere.
 */
export async function forgetDeleted(set: DataSet): Promise<void> {
  if (set.files === 1) return
  const isDropped = await writeFile('/proc/sys/vm/drop_caches', '1').then(
    () => true,
    () => false,
  )
  if (isDropped) await contentOf('alpha', set)
}
