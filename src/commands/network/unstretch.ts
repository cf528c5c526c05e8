import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { OpenEngines } from '../../cli/engines.ts'
import { askToPart } from '../../cli/present/network.ts'
import { exitCodes, WherryError } from '../../model/errors.ts'
import { findStretched, type KnownNetwork, theOnly } from '../../network/members.ts'
import { forget, goneMembers, type Parted, partAll, usersOn } from '../../network/unstretch.ts'

export default class NetworkUnstretch extends BaseCommand {
  static override summary = 'Part a stretched network again.'
  static override description =
    'Takes the links and the ghosts away on all members, and the networks that were made for them where no container is on them. Containers on different engines no longer reach each other.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> shop',
    '<%= config.bin %> <%= command.id %> shop --on prod-1 --yes',
    '<%= config.bin %> <%= command.id %> shop --forget prod-3',
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
    forget: Flags.string({
      multiple: true,
      default: [],
      summary: 'Only take this member, which is gone for good, from the records of the others.',
      helpValue: 'ENGINE',
    }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
  }

  async run(): Promise<{ parted: Parted[]; forgotten: string[] }> {
    const { args, flags } = await this.parse(NetworkUnstretch)
    await using engines = await OpenEngines.connect(flags.on)
    const found = await findStretched(engines.asked, engines.further, args.network)
    const known = theOnly(found, args.network, engines.asked)
    const parted =
      flags.forget.length > 0 ? await this.#forget(known, flags) : await this.#part(known, flags.yes)
    this.endProgress()
    for (const { engine, network, networkIs } of parted) {
      const made = networkIs === 'removed' ? ', and the network is removed there' : ''
      this.log(`${this.colours.green('✔')} ${network} on ${engine} is parted${made}`)
    }
    for (const name of flags.forget)
      this.log(`${this.colours.green('✔')} ${name} is no member of ${args.network} any more`)
    return { parted, forgotten: flags.forget }
  }

  async #part(known: KnownNetwork, yes: boolean): Promise<Parted[]> {
    const { network, engines, missing } = known
    const absent = missing.filter(({ isAbsent }) => isAbsent)
    if (absent.length > 0) {
      const reasons = absent.map(({ engine, reason }) => `${engine}: ${reason}`)
      throw new WherryError(
        'members-missing',
        exitCodes.refused,
        `${network} has members that cannot be parted now: ${reasons.join('; ')}`,
        {
          suggestions: [
            `Name them as they are reached from here: wherry network unstretch ${network} --on ENGINE`,
            ...absent.map(
              ({ engine }) =>
                `If ${engine} is gone for good: wherry network unstretch ${network} --forget ${engine}`,
            ),
          ],
        },
      )
    }
    const users = await Promise.all(engines.map((engine) => usersOn(engine, network)))
    await this.confirm(askToPart(network, users), yes)
    return partAll(known, this.report)
  }

  async #forget(known: KnownNetwork, flags: { forget: string[]; yes: boolean }): Promise<Parted[]> {
    const ids = goneMembers(known, flags.forget)
    const names = flags.forget.join(' and ')
    await this.confirm(`Forget that ${names} had a part in ${known.network}?`, flags.yes)
    return forget(known.memberships, ids, this.report)
  }
}
