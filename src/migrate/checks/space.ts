import prettyBytes from 'pretty-bytes'
import { type Check, findings } from './check.ts'

/** What must stay free on the target after the copy, for its engine to go on working. */
const reserveBytes = 256 * 1024 * 1024

/** The target's disk has room for what is to be copied. Says nothing until agents have looked. */
export const checkSpace: Check = ({ size, target, targetHost, manifests, targetImages }) => {
  const found = findings()
  if (!size || !targetHost) return found
  const images = manifests.filter(({ image }) => !targetImages[image.id])
  const imageBytes = images.reduce((sum, { image }) => sum + image.sizeBytes, 0)
  const neededBytes = size.bytes + imageBytes + reserveBytes
  if (neededBytes > targetHost.freeBytes) {
    found.refuse(
      'no-space',
      `${target.name} has ${prettyBytes(targetHost.freeBytes)} free in ${target.rootDirectory}; ${size.complete ? '' : 'at least '}${prettyBytes(neededBytes)} are needed (data ${prettyBytes(size.bytes)}, images ${prettyBytes(imageBytes)}, and ${prettyBytes(reserveBytes)} to spare).`,
      'Make room there (docker system df shows what can go), or choose another target.',
    )
  }
  if (size.files > targetHost.freeInodes) {
    found.refuse(
      'no-inodes',
      `${target.name} has room for ${targetHost.freeInodes} more files in ${target.rootDirectory}; ${size.files} are needed.`,
      'Remove files there, or choose another target.',
    )
  }
  return found
}
