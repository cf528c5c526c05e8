import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { OpenEngines } from '../../cli/engines.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import { findStretched, theOnly } from '../../network/members.ts'
import { type Parted, part } from '../../network/unstretch.ts'

export default class NetworkUnstretch extends BaseCommand {
  static override summary = 'Part a stretched network again.'
  static override description =
    'Takes the links away on all members, and the networks that were made for them where no container is on them. Containers on different engines no longer reach each other.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> shop',
    '<%= config.bin %> <%= command.id %> shop --on prod-1 --yes',
  ]
  static override args = {
    network: Args.string({ description: 'Name of the network.', required: true }),
  }
  static override flags = {
    on: Flags.string({
      multiple: true,
      default: [],
      summary: 'Engines to look on; without any, the current one. The other members are found from there.',
      helpValue: 'ENGINE',
    }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
  }

  async run(): Promise<{ parted: Parted[] }> {
    const { args, flags } = await this.parse(NetworkUnstretch)
    await using engines = await OpenEngines.connect(flags.on)
    const known = await findStretched(engines.asked, engines.further, args.network)
    const { memberships, missing } = theOnly(known, args.network, engines.asked)
    if (missing.length > 0) {
      const reasons = missing.map(({ engine, reason }) => `${engine}: ${reason}`)
      throw new WherryError(
        'members-missing',
        exitCodes.refused,
        `${args.network} has members that cannot be parted now: ${reasons.join('; ')}`,
        { suggestions: ['Name them as they are reached from here: --on ENGINE'] },
      )
    }
    const names = memberships.map(({ engine }) => engine.name).join(' and ')
    await this.confirm(`Part ${args.network} between ${names}?`, flags.yes)
    const parted = await part(memberships, this.report)
    this.endProgress()
    for (const { engine, network, networkIs } of parted) {
      const made = networkIs === 'removed' ? ', and the network is removed there' : ''
      this.log(`${this.colours.green('✔')} ${network} on ${engine} is parted${made}`)
    }
    return { parted }
  }
}
