import { fileURLToPath } from 'node:url'
import { ensureLabImage } from '../../src/lab/images.ts'
import { clear, type Lab, openLab } from '../lab/harness/engines.ts'

export const image = 't-records:latest'

/** The lab with the workload's image on alpha; beta has to be given it by wherry. */
export async function openBench(): Promise<Lab> {
  const lab = await openLab()
  const directory = fileURLToPath(new URL('./image', import.meta.url))
  await ensureLabImage({ tag: image, directory, engines: ['alpha'] }, () => {})
  await clearBench(lab)
  return lab
}

/** Takes everything that a case made off both engines. */
export async function clearBench(lab: Lab): Promise<void> {
  await clear(lab)
  await lab.beta.images.remove(image)
}
