import { transferImage } from '../image-transfer.ts'
import type { Step } from '../run.ts'

/** Brings each image to the target, and the name that the container is created from. */
export const bringImages: Step = {
  name: 'images',
  async do(run) {
    const { plan, target } = run
    const brought: string[] = []
    for (const { image } of plan.containers) {
      if (image.action === 'transfer' && !(await target.images.inspect(image.id))) {
        run.bytesTransferred += await transferImage(run, image)
        brought.push(image.id)
      }
      if (image.createFrom !== image.id && !(await target.images.inspect(image.createFrom))) {
        const { repository, tag } = splitReference(image.createFrom)
        await target.images.tag(image.id, repository, tag)
      }
    }
    return { brought }
  },
  async undo({ plan, target }) {
    for (const { image } of plan.containers) {
      if (image.action === 'present') continue
      // Under this name there may be another image by now; and an engine refuses to remove one that is in use.
      const named = image.createFrom !== image.id && (await target.images.inspect(image.createFrom))
      if (named && named.Id === image.id) await target.images.remove(image.createFrom).catch(() => {})
      if (image.action === 'transfer') await target.images.remove(image.id).catch(() => {})
    }
  },
}

/** Splits `registry:5000/name:tag`; the tag is `latest` where there is none. */
export function splitReference(reference: string): { repository: string; tag: string } {
  const colon = reference.lastIndexOf(':')
  if (colon < 0 || reference.indexOf('/', colon) >= 0) return { repository: reference, tag: 'latest' }
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) }
}
