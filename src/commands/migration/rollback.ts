import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { engineNameFlags, migrationArg } from '../../cli/migration-flags.ts'
import { describeRollback } from '../../cli/present/recovery.ts'
import { findMigration, withEnginesForRollback } from '../../migrate/recovery/engines.ts'
import { type RollbackResult, rollBackMigration } from '../../migrate/recovery/rollback.ts'
import { stateOf } from '../../migrate/state.ts'

export default class MigrationRollback extends BaseCommand {
  static override summary = 'Put the containers of a migration back on the engine that they came from.'
  static override description =
    'For a migration that ended half-way, and for one that is complete, as long as its fenced copy is there. What the copy on the target wrote is carried back first; then it is removed.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 20260101-120000-ab12',
    '<%= config.bin %> <%= command.id %> db --yes',
    {
      description: 'The journal is gone; the engine that the container was on knows enough',
      command: '<%= config.bin %> <%= command.id %> db --from prod-1',
    },
  ]
  static override args = { migration: migrationArg }
  static override flags = {
    ...engineNameFlags,
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask before a complete migration is taken back.' }),
    discard: Flags.boolean({
      summary: 'Give up what the copy on the target wrote since it started, instead of carrying it back.',
    }),
    'target-is-down': Flags.boolean({
      summary: 'The target does not answer, and I have made sure that nothing runs there and nothing will.',
      dependsOn: ['discard'],
    }),
  }

  async run(): Promise<RollbackResult> {
    const { args, flags } = await this.parse(MigrationRollback)
    const content = await findMigration(args.migration, flags)
    const { plan } = content
    const { committed } = stateOf(content.records)
    const loses = flags.discard ? ' What it wrote there is LOST.' : ' What it wrote there is carried back.'
    const names = plan.containers.map(({ name }) => name).join(', ')
    if (committed || flags.discard) {
      await this.confirm(
        `Take ${names} off ${plan.target.engine} and run it on ${plan.source.engine} again?${loses}`,
        flags.yes,
      )
    }
    const { report, interrupted: signal } = this
    const request = { content, report, signal, discard: flags.discard, targetIsDown: flags['target-is-down'] }
    const result = await this.interruptible(
      () =>
        withEnginesForRollback(content, flags, request.targetIsDown, (engines) =>
          rollBackMigration({ ...engines, ...request }),
        ),
      {
        migration: () => plan.id,
        whatFollows: () =>
          `the rollback goes on to its end, for half-way nothing may run. Once more leaves it as it is, for: wherry migration rollback ${plan.id}`,
      },
    )
    this.endProgress()
    this.log(describeRollback(result, this.colours))
    return result
  }
}
