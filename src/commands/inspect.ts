import { Args } from '@oclif/core'
import { BaseCommand } from '../cli/base.ts'
import { fromFlag } from '../cli/engine-flags.ts'
import { describeManifest } from '../cli/present/manifest.ts'
import { connectEngine } from '../engine/connect.ts'
import { describeContainer } from '../engine/describe.ts'
import type { Manifest } from '../model/manifest.ts'
import { type Origin, originsOf } from '../model/origins.ts'

export default class Inspect extends BaseCommand {
  static override summary = "Show a container's manifest: everything it takes to create it again."
  static override description =
    'What the engine generated (ids, addresses, defaults) and what came from the image is listed apart from what was asked for.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> db',
    '<%= config.bin %> <%= command.id %> db --from ssh://admin@old --json',
  ]
  static override args = { container: Args.string({ description: 'Name or id.', required: true }) }
  static override flags = { from: fromFlag }

  async run(): Promise<{ manifest: Manifest; origins: Origin[] }> {
    const { args, flags } = await this.parse(Inspect)
    await using engine = await connectEngine(flags.from)
    const manifest = await describeContainer(engine, args.container)
    const origins = originsOf(manifest)
    this.log(describeManifest(manifest, origins, this.colours))
    return { manifest, origins }
  }
}
