import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { OpenEngines } from '../../cli/engines.ts'
import { describeStretched } from '../../cli/present/network.ts'
import { type StretchedNetwork, stretchNetwork } from '../../network/stretch.ts'

export default class NetworkStretch extends BaseCommand {
  static override summary = 'Make one L2 network of the networks of that name on several engines.'
  static override description =
    'Where the network is missing it is made with the same subnets, and takes addresses from a part of its own. The link is VXLAN between the hosts, within WireGuard where all of them have it; the result says whether what crosses is encrypted. It is shown to carry full packets both ways, else everything is put back.'
  static override examples = ['<%= config.bin %> <%= command.id %> shop --between prod-1 prod-2']
  static override args = {
    network: Args.string({ description: 'Name of the network; one of the engines has it.', required: true }),
  }
  static override flags = {
    between: Flags.string({
      multiple: true,
      required: true,
      summary: 'Engines: Docker contexts or URLs; all members.',
      helpValue: 'ENGINE ENGINE…',
    }),
    port: Flags.integer({
      min: 1,
      max: 65535,
      summary:
        'UDP port between the hosts: 14789 unless told, encrypted the first free one from 14790 on. A network that is stretched already keeps its own.',
    }),
    encrypt: Flags.boolean({
      allowNo: true,
      summary: 'Refuse where what crosses cannot be encrypted, or do not encrypt it.',
    }),
  }

  async run(): Promise<StretchedNetwork> {
    const { args, flags } = await this.parse(NetworkStretch)
    await using engines = await OpenEngines.connect(flags.between)
    const { network } = args
    const stretched = await stretchNetwork({
      network,
      engines: engines.asked,
      port: flags.port,
      encryption: flags.encrypt === undefined ? 'where-possible' : flags.encrypt ? 'always' : 'never',
      labels: {},
      report: this.report,
    })
    this.endProgress()
    this.log(describeStretched(stretched, this.colours))
    return stretched
  }
}
