import { inEngine } from '../../lab/harness/engines.ts'
import type { Fault } from './fault.ts'

const volumes = '/var/lib/docker/volumes'
const ballast = `${volumes}/.ballast`
/** Enough for what any workload has, and little enough to be filled at once. */
const size = '320m'

/**
 * The disk of the target's volumes is full. They are on a small file system of their own meanwhile, so that nobody else's
 * disk is: it hides what else is in the engine's directory of volumes, which must be empty.
 */
export const disk: Fault = {
  title: 'target disk full',
  async prepare({ betaFacts }) {
    await inEngine(betaFacts, 'mount', '-t', 'tmpfs', '-o', `size=${size},mode=701`, 'volumes', volumes)
  },
  async strike({ lab: { betaFacts } }) {
    const fill = `head -c 1G /dev/zero > ${ballast} 2> /dev/null; test -s ${ballast}`
    await inEngine(betaFacts, 'sh', '-c', fill)
  },
  async lift({ betaFacts }) {
    await inEngine(betaFacts, 'rm', '-f', ballast)
  },
  async putBack({ betaFacts }) {
    await inEngine(betaFacts, 'sh', '-c', `! mountpoint -q ${volumes} || umount ${volumes}`)
  },
}
