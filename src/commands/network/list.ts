import { BaseCommand } from '../../cli/base.ts'
import { onFlag } from '../../cli/engine-flags.ts'
import { OpenEngines } from '../../cli/engines.ts'
import { describeNetworks } from '../../cli/present/network.ts'
import { type NetworkState, stretchedNetworks } from '../../network/list.ts'

export default class NetworkList extends BaseCommand {
  static override summary =
    'Show the stretched networks of engines: members, state, ghosts, and what the links carry.'
  static override description =
    'Measures each link, which takes a second or two. Other members are found from the engines named.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --on prod-1',
  ]
  static override flags = {
    on: onFlag,
  }

  async run(): Promise<{ networks: NetworkState[] }> {
    const { flags } = await this.parse(NetworkList)
    await using engines = await OpenEngines.connect(flags.on)
    const networks = await stretchedNetworks(engines.asked, engines.further, this.report)
    this.endProgress()
    this.log(describeNetworks(networks, this.colours))
    return { networks }
  }
}
