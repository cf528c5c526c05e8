import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { engineNameFlags, migrationArg } from '../../cli/migration-flags.ts'
import { describeFinish } from '../../cli/present/recovery.ts'
import { findMigration, withEngines } from '../../migrate/recovery/engines.ts'
import { type FinishResult, finish, type Removal } from '../../migrate/recovery/finish.ts'
import { assertNoRestore } from '../../migrate/recovery/restores.ts'
import { stateOf } from '../../migrate/state.ts'

export default class MigrationFinish extends BaseCommand {
  static override summary = 'Remove the fenced copy that a complete migration left on the source.'
  static override description =
    'The containers go, with their volumes where nothing else uses them. Networks and images stay. There is no way back from here.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 20260101-120000-ab12',
    '<%= config.bin %> <%= command.id %> db --yes',
  ]
  static override args = { migration: migrationArg }
  static override flags = {
    ...engineNameFlags,
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
  }

  async run(): Promise<FinishResult> {
    const { args, flags } = await this.parse(MigrationFinish)
    const content = await findMigration(args.migration, flags)
    assertNoRestore(content.plan, stateOf(content.records).committed)
    const { report, interrupted: signal } = this
    const confirm = async ({ engine, containers, volumes }: Removal) => {
      const what = [...containers, ...volumes.map((name) => `volume ${name}`)].join(', ')
      await this.confirm(`Remove from ${engine} for good: ${what}?`, flags.yes)
    }
    const result = await this.interruptible(
      () =>
        withEngines(content, flags, (engines) => finish({ ...engines, content, report, signal, confirm })),
      {
        migration: () => content.plan.id,
        whatFollows: () => 'stopping, unless something has been removed already: that is brought to its end.',
      },
    )
    this.endProgress()
    this.log(describeFinish(result, this.colours))
    return result
  }
}
