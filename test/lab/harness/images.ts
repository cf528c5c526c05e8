import { fileURLToPath } from 'node:url'
import { ensureLabImage } from '../../../src/lab/images.ts'

/** Builds the image with databases and tools, and puts it on the engines; on alpha alone unless told. */
export async function ensureWorkloadImage(engines: ('alpha' | 'beta')[] = ['alpha']): Promise<void> {
  const directory = fileURLToPath(new URL('../images/workload', import.meta.url))
  await ensureLabImage({ tag: 'wherry-test-workload:latest', directory, engines }, () => {})
}
