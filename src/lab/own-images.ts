import { connectEngine } from '../engine/connect.ts'
import { ensureAgentImage, ensureNetworkImage } from '../launch/image.ts'
import type { Report } from '../model/progress.ts'
import { nodeImage } from './base-images.ts'
import type { OuterEngine } from './outer-engine.ts'

/**
 * Makes wherry's images on the outer engine, for `labUp` to put on both engines: where no registry can be
 * reached they could not come by them. The base image goes with them, so that they can also build.
 */
export async function prepareOwnImages(outer: OuterEngine, report: Report): Promise<string[]> {
  const engine = await connectEngine(outer.host)
  try {
    const agent = await ensureAgentImage(engine, [], report)
    const network = await ensureNetworkImage(engine, [], report)
    return [nodeImage, agent.reference, network.reference]
  } finally {
    await engine.close()
  }
}
