import { connectEngine } from '../engine/connect.ts'
import { ensureAgentImage } from '../launch/image.ts'
import type { Report } from '../model/progress.ts'
import { nodeImage } from './base-images.ts'
import type { OuterEngine } from './outer-engine.ts'

/**
 * Makes wherry's agent image on the outer engine, for `labUp` to put on both engines: where no registry can be
 * reached they could not come by it. The base image goes with it, so that they can also build it.
 */
export async function prepareAgentImage(outer: OuterEngine, report: Report): Promise<string[]> {
  const engine = await connectEngine(outer.host)
  try {
    const { reference } = await ensureAgentImage(engine, [], report)
    return [nodeImage, reference]
  } finally {
    await engine.close()
  }
}
