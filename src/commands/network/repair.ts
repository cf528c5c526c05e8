import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { onFlag } from '../../cli/engine-flags.ts'
import { OpenEngines } from '../../cli/engines.ts'
import { describeStretched } from '../../cli/present/network.ts'
import { findStretched, theOnly } from '../../network/members.ts'
import { type Repaired, repairNetwork } from '../../network/repair.ts'

export default class NetworkRepair extends BaseCommand {
  static override summary = 'Make a stretched network what it must be: links, members and ghosts.'
  static override description =
    'Links come back by themselves when a daemon or a host was restarted. This is for what cannot: a network that was made again, containers that have other addresses now.'
  static override examples = ['<%= config.bin %> <%= command.id %> shop']
  static override args = {
    network: Args.string({ description: 'Name of the network.', required: true }),
  }
  static override flags = {
    on: onFlag,
  }

  async run(): Promise<Repaired> {
    const { args, flags } = await this.parse(NetworkRepair)
    await using engines = await OpenEngines.connect(flags.on)
    const known = await findStretched(engines.asked, engines.further, args.network)
    const repaired = await repairNetwork(theOnly(known, args.network, engines.asked), this.report)
    this.endProgress()
    this.log(describeStretched(repaired.network, this.colours))
    for (const { engine, placed, removed } of repaired.ghosts) {
      for (const name of placed) this.log(`  ${engine}: a ghost of ${name} was put there`)
      for (const name of removed) this.log(`  ${engine}: the ghost of ${name} was removed`)
    }
    return repaired
  }
}
