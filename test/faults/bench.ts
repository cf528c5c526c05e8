import { fileURLToPath } from 'node:url'
import { ensureLabImage } from '../../src/lab/images.ts'
import { clear, type Lab, openLab } from '../lab/harness/engines.ts'
import { type Fault, faults } from './faults/index.ts'
import { anonymousName } from './surroundings.ts'

export const image = 't-records:latest'

/** The lab with the workload's image on alpha; beta has to be given it by wherry. */
export async function openBench(): Promise<Lab> {
  const lab = await openLab()
  const directory = fileURLToPath(new URL('./image', import.meta.url))
  await ensureLabImage({ tag: image, directory, engines: ['alpha'] }, () => {})
  await clearBench(lab)
  return lab
}

/** Lifts the faults, all unless told, and takes everything that a case made off both engines. Safe at any time. */
export async function clearBench(lab: Lab, struck: readonly Fault[] = Object.values(faults)): Promise<void> {
  for (const fault of struck) await fault.lift?.(lab)
  await clear(lab)
  for (const engine of [lab.alpha, lab.beta]) {
    for (const { Name } of await engine.volumes.list()) {
      if (anonymousName.test(Name)) await engine.volumes.remove(Name)
    }
  }
  await lab.beta.images.remove(image)
  for (const fault of struck) await fault.putBack?.(lab)
}
