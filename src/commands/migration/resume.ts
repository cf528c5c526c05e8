import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base.ts'
import { whatFollowsInMove } from '../../cli/interruption.ts'
import { engineNameFlags, migrationArg } from '../../cli/migration-flags.ts'
import { describeResult } from '../../cli/present/result.ts'
import { findMigration, withEnginesForResume } from '../../migrate/recovery/engines.ts'
import { assertNoRestore } from '../../migrate/recovery/restores.ts'
import { resume } from '../../migrate/recovery/resume.ts'
import type { MigrateResult } from '../../migrate/result.ts'
import type { BegunMove } from '../../migrate/run.ts'
import { stateOf } from '../../migrate/state.ts'

export default class MigrationResume extends BaseCommand {
  static override summary = 'Go on with a migration that ended half-way.'
  static override description =
    'Looks at both engines and does what is still to be done. What has arrived is not sent again. A failure before the target serves puts the source back.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 20260101-120000-ab12',
    '<%= config.bin %> <%= command.id %> db',
  ]
  static override args = { migration: migrationArg }
  static override flags = {
    ...engineNameFlags,
    'source-is-down': Flags.boolean({
      summary: 'The source does not answer, and I have made sure that nothing runs there and nothing will.',
    }),
  }

  async run(): Promise<MigrateResult> {
    const { args, flags } = await this.parse(MigrationResume)
    const content = await findMigration(args.migration, flags)
    assertNoRestore(content.plan, stateOf(content.records).committed)
    const { report, interrupted: signal } = this
    let begun: BegunMove = { plan: content.plan, state: stateOf(content.records) }
    const onBegin = (move: BegunMove) => {
      begun = move
    }
    const result = await this.interruptible(
      () =>
        withEnginesForResume(content, flags, flags['source-is-down'], (engines) =>
          resume({ ...engines, content, report, signal, onBegin }),
        ),
      { migration: () => content.plan.id, whatFollows: () => whatFollowsInMove(begun) },
    )
    this.endProgress()
    this.log(describeResult(result, this.colours))
    return result
  }
}
